// Is there something in a form that was not there when the server sent it?
const begun = (select) => [...select.options].find((option) => option.defaultSelected) ?? select.options[0];

export const filled = (form) =>
  [...form.elements].some((one) => {
    if (one.matches("select")) return one.selectedOptions[0] !== begun(one);
    if (one.matches("[type=checkbox]")) return one.checked !== one.defaultChecked;
    return one.matches("input:not([type=hidden])") && one.value !== one.defaultValue;
  });
