"""A GP for the demonstration without a screen: reads, removes what has no source, signs and copies, through the pages.

Everything goes over HTTP to the running service, so it meets exactly the rules a browser meets. Each step that does not
do what it promises raises ``StepFailed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from rich.console import Console

from transcribe.consult import Actor
from transcribe.errors import SetupProblem
from transcribe.outbound_client import own_screens
from transcribe.soep.note import text_hash
from transcribe.workflow import Workflow

if TYPE_CHECKING:
    import httpx

TOKEN = re.compile(r'name="token"\s+value="([^"]+)"')


class StepFailed(SetupProblem):
    text = "De demonstratie stopte bij: {step}"


def verify(workflow: Workflow, actor: Actor, consult_id: UUID, address: str, ticket: str, out: Console) -> str:
    """The approved text, as copied."""
    page = f"/consult/{consult_id}"
    with own_screens(address, headers={"Origin": address}) as browser:
        shown = browser.get("/start", params={"ticket": ticket, "naar": page})
        token = TOKEN.search(shown.text)
        must(shown.status_code == 200 and token is not None, f"controlepagina openen (HTTP {shown.status_code})")
        assert token is not None
        form = {"token": token[1]}

        def post(path: str, fields: Mapping[str, str | int] = {}) -> httpx.Response:
            return browser.post(f"{page}/{path}", data=form | dict(fields), headers={"Accept": "application/json"})

        def version_now() -> int:
            return workflow.consult(consult_id).version

        review = workflow.review(actor, consult_id)
        must(any(True for _ in review.note.lines()), "een concept met regels")
        must(all(line.text for line in review.note.lines()), "regels met tekst")
        early = post("kopie/alles", {"sha256": review.sha256})
        must(early.status_code == 409, f"kopiëren vóór akkoord moet worden geweigerd (HTTP {early.status_code})")
        out.print("Kopiëren vóór akkoord: geweigerd, zoals het hoort.")

        for line_id, findings in review.flags.items():
            removed = post(f"regel/{line_id}/verwijder", {"versie": version_now()})
            must(removed.status_code == 200, f"gemarkeerde regel verwijderen (HTTP {removed.status_code})")
            out.print(f"Regel {line_id} verwijderd door de demo-huisarts: {findings[0].text}", markup=False)

        typed = post("regel", {"versie": version_now(), "onderdeel": "P", "tekst": "Controle over twee weken."})
        must(typed.status_code == 200, f"een eigen regel toevoegen (HTTP {typed.status_code})")
        review = workflow.review(actor, consult_id)
        must(len(review.flags) == 1, "een regel die niemand zei moet worden gemarkeerd")
        blocked = post("akkoord", {"sha256": review.sha256})
        must(blocked.status_code == 409, f"akkoord met open vlag moet worden geweigerd (HTTP {blocked.status_code})")
        out.print("Akkoord met een regel zonder bron: geweigerd, zoals het hoort. Regel verwijderd.")
        for line_id in review.flags:
            post(f"regel/{line_id}/verwijder", {"versie": version_now()})

        review = workflow.review(actor, consult_id)
        signed = post("akkoord", {"sha256": review.sha256})
        must(signed.status_code == 200, f"akkoord geven (HTTP {signed.status_code})")
        copied = post("kopie/alles", {"sha256": review.sha256})
        must(copied.status_code == 200, f"kopiëren na akkoord (HTTP {copied.status_code})")
        text = str(copied.json()["text"])
        must(text_hash(text) == review.sha256, "de kopie is precies de geaccordeerde tekst")
        sound = browser.get(f"{page}/audio")
        must(sound.status_code >= 400, "de opname moet na akkoord vernietigd zijn")
        out.print(f"Akkoord en gekopieerd; opname vernietigd (SHA-256 {review.sha256[:16]}...).")
    out.print()
    out.print(text, markup=False, soft_wrap=True)
    return text


def must(condition: bool, step: str) -> None:
    if not condition:
        raise StepFailed(step=step)
