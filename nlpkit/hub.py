"""Packs on the Hugging Face hub: pushed as the files of a model repository, pulled and checked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from nlpkit.errors import AdapterError, InputError
from nlpkit.packing.contents import FILES, MANIFEST, Pack, opened, write

_WANTED = [MANIFEST, "README.md", *(f"adapters/*/{file}" for file in sorted(FILES))]
"""What a pack may hold: nothing else of a repository is taken."""
_HTTP: type[Exception] = HfHubHTTPError.__bases__[0]
"""What the HTTP library of the hub's client raises where no answer comes; which library that is depends on it."""


def push(path: str | Path, repository: str, *, private: bool = False, any_licence: bool = False) -> str:
    """Put a pack, checked, into a repository of the hub, made if need be; return the address of the commit.

    The token is that of `hf auth login` or of the variable HF_TOKEN, the hub that of HF_ENDPOINT. Files of an older
    pack that this one does not have are taken away.

    Args:
        path: the pack.
        repository: "OWNER/NAME".
        private: whether a new repository is for its owner alone.
        any_licence: also push adapters whose licences forbid handing them on, or do not say that one may.

    Raises:
        AdapterError: the pack is damaged, or holds what must not be handed on.
        InputError: the hub cannot be reached, or refuses.

    """
    with opened(path) as pack:
        closed = [f"{adapter.name} ({adapter.licence})" for adapter in pack.adapters if adapter.closed]
        if closed and not any_licence and not private:
            raise AdapterError(
                f"{path} holds {', '.join(closed)}, which must not simply be handed on; push it with --private, or say "
                "--any-licence where you may"
            )
        with _told(repository):
            api = HfApi()
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository,
                folder_path=pack.folder,
                allow_patterns=[MANIFEST, *pack.files],
                delete_patterns=_WANTED,
                commit_message=f"{pack.title} (nlpkit pack)",
            )
            return str(commit.commit_url)


def pull(repository: str, out: str | Path, *, revision: str | None = None) -> Pack:
    """Take a pack from the hub, check it, and write it to a folder, or to one file that ends in .pack or .zip.

    Raises:
        AdapterError: what lies there is no pack, or is damaged.
        InputError: the hub cannot be reached, has no such repository, or something that is no pack lies at `out`.

    """
    out = Path(out)
    with tempfile.TemporaryDirectory(prefix="nlpkit-pack-", ignore_cleanup_errors=True) as scratch:
        with _told(repository):
            HfApi().snapshot_download(repository, revision=revision, local_dir=scratch, allow_patterns=_WANTED)
        if not Path(scratch, MANIFEST).is_file():
            raise AdapterError(f"{repository} on the hub holds no {MANIFEST}: it is no pack of nlpkit")
        with opened(scratch) as pack, tempfile.TemporaryDirectory(prefix="nlpkit-pack-") as clean:
            # Without what the hub's client keeps beside the files.
            for name in (MANIFEST, *pack.files):
                to = Path(clean, name)
                to.parent.mkdir(parents=True, exist_ok=True)
                Path(scratch, name).replace(to)
            write(Path(clean), out)
        return replace(pack, folder=out)


@contextmanager
def _told(repository: str) -> Iterator[None]:
    """Say what the hub refuses, and what to do about it.

    Raises:
        InputError: the hub cannot be reached, or refuses.

    """
    try:
        yield
    except HFValidationError as e:
        raise InputError(f"{repository!r} is no name of a repository; give OWNER/NAME ({e})") from e
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as e:
        raise InputError(
            f"the hub has no {repository!r} for you, or not that revision; check the name, or log in: hf auth login"
        ) from e
    except HfHubHTTPError as e:
        raise InputError(
            f"the hub refuses {repository!r}: {e}; log in with a token that may write: hf auth login"
        ) from e
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError, _HTTP) as e:
        raise InputError(
            f"the hub cannot be reached for {repository!r}: {e}; unset HF_HUB_OFFLINE, or try later"
        ) from e
