"""`nlpkit pack`: adapters and what a domain knows beyond them, in one file."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import emit, note, show, show_table

app = typer.Typer(help="Put adapters, labels, relations, thresholds and aliases into one file.", no_args_is_help=True)

_ANY = typer.Option(False, "--any-licence", help="Also adapters that must not be handed on.")
_JSON = typer.Option(False, "--json", help="One JSON object, and nothing else.")


@app.command("build")
def build(
    file: Path = typer.Argument(help="The TOML file that says what goes into the pack."),
    out: Path = typer.Option(..., "--out", "-o", help="A folder, or one file that ends in .pack or .zip."),
    any_licence: bool = _ANY,
    json: bool = _JSON,
) -> None:
    """Build a pack; whole or not at all."""
    from nlpkit.packing import building

    pack = building.build(file, out, any_licence=any_licence)
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) if out.is_dir() else out.stat().st_size
    if json:
        emit({"pack": str(out), "bytes": size, **pack.to_dict()})
    else:
        show(f"{out}: {pack.title}, {size:,} bytes")
        show_table(("adapter", "licence"), ((adapter.name, adapter.licence) for adapter in pack.adapters))


@app.command("check")
def check(
    pack: Path = typer.Argument(help="The pack: a folder or a file."), any_licence: bool = _ANY, json: bool = _JSON
) -> None:
    """Check a pack's files, licences and whether it loads; exit status 1 where something is at fault."""
    from nlpkit.packing import checking

    report = checking.check(pack, any_licence=any_licence)
    if json:
        emit(report.to_dict())
    else:
        show(f"{report.pack}: {report.title or 'not readable'}")
        show(f"manifest SHA-256 {report.sha256 or 'unknown'}")
        show(f"backbone {report.backbone or 'unknown'}")
        show(f"built with {', '.join(f'{name} {found}' for name, found in report.versions.items()) or 'unknown'}")
        show_table(("adapter", "licence"), ((adapter.name, adapter.licence) for adapter in report.adapters))
        for said in report.notes:
            show(f"note: {said}")
        show("at fault:" if report.faults else "sound: every file as listed, every licence open, every adapter loads")
        for fault in report.faults:
            show(f"  {fault}")
    if report.faults:
        raise typer.Exit(1)


@app.command("push")
def push(
    pack: Path = typer.Argument(help="The pack: a folder or a file."),
    repository: str = typer.Argument(help="Where to on the Hugging Face hub: OWNER/NAME."),
    private: bool = typer.Option(False, "--private", help="For you alone, where the repository is new."),
    any_licence: bool = _ANY,
    json: bool = _JSON,
) -> None:
    """Put a pack on the Hugging Face hub, with the login of `hf auth login`."""
    from nlpkit import hub

    url = hub.push(pack, repository, private=private, any_licence=any_licence)
    if json:
        emit({"pack": str(pack), "repository": repository, "url": url})
    else:
        show(url)


@app.command("pull")
def pull(
    repository: str = typer.Argument(help="Where on the Hugging Face hub: OWNER/NAME."),
    out: Path = typer.Option(..., "--out", "-o", help="A folder, or one file that ends in .pack or .zip."),
    revision: str | None = typer.Option(None, "--revision", help="A branch, tag or commit; by default the newest."),
    json: bool = _JSON,
) -> None:
    """Take a pack from the Hugging Face hub, checked."""
    from nlpkit import hub

    pack = hub.pull(repository, out, revision=revision)
    if json:
        emit({"pack": str(out), "repository": repository, **pack.to_dict()})
    else:
        show(f"{out}: {pack.title}")
        for adapter in pack.adapters:
            if adapter.closed:
                note(f"{adapter.name} has the licence {adapter.licence!r}")
