// What every page has: visible errors, one submit at a time, a screen that locks itself.
import "./problems.js";
import "./busy.js";
import "./idle.js";
import "./dialogs.js";
import "./lock.js";
