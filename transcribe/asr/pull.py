"""Downloads a model from the model hub: the one deliberate act that uses the internet (``transcribe models pull``)."""

from __future__ import annotations

from pathlib import Path

from transcribe.errors import SetupProblem

PATTERNS = ["config.json", "model.bin", "tokenizer.json", "vocabulary.*", "preprocessor_config.json"]


def fetch(repo: str, revision: str, target: Path) -> str:
    """``repo`` at ``revision`` (empty: the newest) into ``target``; goes on where an earlier one stopped.

    Returns the exact revision. Raises ``SetupProblem``. A ``models.catalog.Fetch``.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    # the hub's error inherits from the error of whatever HTTP client its version uses
    trouble: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, LocalEntryNotFoundError, OfflineModeIsEnabled)
    try:
        exact = HfApi().model_info(repo, revision=revision or None).sha
        if not exact:
            raise SetupProblem(problem=f"van {repo} is geen versie bekend.")
        snapshot_download(repo, revision=exact, local_dir=target, allow_patterns=PATTERNS)
    except trouble as error:
        raise SetupProblem(
            problem=f"{repo} kon niet worden opgehaald ({type(error).__name__}). Is er internet? Wat er al is, blijft "
            "staan: probeer het opnieuw, of gebruik transcribe models add met een stick."
        ) from error
    return str(exact)
