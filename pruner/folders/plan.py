"""What becomes of the files of a kernel folder. This only reads; `remove` does what is decided here.

A file goes where its name, or in loose code its inside, says that it is for chips of which none is asked for.
It stays where that is in doubt: the name and the inside disagree, a known form of code is damaged or cut off,
the file cannot be read, a link that stays leads to it. Where the inside is of no form that is known here, the
name alone decides. A folder that would be left without code for any chip asked for stays as a whole.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pruner.archs import Gfx, Sm, Wanted
from pruner.folders.base import Decision, Folder, FolderPlan
from pruner.folders.forms import form_named
from pruner.folders.links import Links, real
from pruner.folders.names import Name, names_in
from pruner.folders.seen import Seen, see
from pruner.folders.service import refusal, serve, unserved
from pruner.formats.base import Match
from pruner.report import Outcome

_NO_LINKS: Links = MappingProxyType({})

Chips = Sequence[Gfx] | Sequence[Sm]


def plan_folder(root: Path, folder: Folder, wanted: Wanted, links: Links = _NO_LINKS) -> FolderPlan:
    """Which files of this folder go. `links` are all symbolic links of the tree, from `links_below`."""
    form = form_named(folder.form)
    chips = form.chips(wanted)
    files = [see(root, form, path, look_inside=bool(chips)) for path in folder.members]
    plan = FolderPlan(form.name, folder.path, tuple(map(_stays, files)))
    if not chips:
        return plan
    offer = {name for one in files if not one.trouble for name in one.claims}
    if not offer:
        return replace(plan, decisions=tuple(_decide(one, ()) for one in files))
    basenames = [path.rpartition("/")[2] for path in folder.members]
    services = [serve(chip, form, offer, basenames) for chip in chips]
    plan = replace(plan, serves={service.chip: service.match for service in services})
    if refused := refusal(services, offer):
        kept = tuple(replace(decision, outcome=Outcome.REFUSED) for decision in plan.decisions)
        return replace(plan, refused=refused, decisions=kept)
    staying = frozenset[Name]().union(*(service.staying for service in services))
    decisions = [_decide(one, staying) for one in files]
    return replace(
        plan,
        decisions=tuple(_with_links(root, files, decisions, links, chips)),
        notes=(*unserved(services), *_of_no_use(files, chips)),
    )


def _stays(one: Seen) -> Decision:
    return Decision(one.path, Outcome.UNCHANGED, one.label, one.size)


def _decide(one: Seen, staying: Collection[Name]) -> Decision:
    if one.trouble:
        return replace(_stays(one), outcome=Outcome.REFUSED, reason=one.trouble)
    if not one.claims or any(name in staying for name in (*one.claims, *one.inside)):
        return _stays(one)
    return replace(_stays(one), outcome=Outcome.REMOVED)


def _of_no_use(files: Iterable[Seen], chips: Chips) -> list[str]:
    """A word on files that name no chip and hold code that no wanted chip runs."""
    return [
        f"{one.path} holds code for {', '.join(name.label for name in one.inside)},"
        " and stays since it is opened by that name on every chip"
        for one in files
        if one.inside and not one.claims and not _fits(one.inside, chips)
    ]


def _fits(names: Iterable[Name], chips: Chips) -> bool:
    return any(name.match(chip) is not Match.NONE for name in names for chip in chips)


def _with_links(
    root: Path, files: Sequence[Seen], decisions: Sequence[Decision], links: Links, chips: Chips
) -> Iterator[Decision]:
    """Again, without taking away what a link that stays leads to, and with the links whose file goes."""
    members = {one.path for one in files}
    going = {decision.path for decision in decisions if decision.outcome is Outcome.REMOVED}
    holding = {real(root, one.path): one.path for one in files if one.link and one.path not in going}
    for decision in decisions:
        if decision.path not in going or not (holding or links):
            yield decision
            continue
        target = real(root, decision.path)
        outer = [link for link in links.get(target, ()) if link not in members]
        holder = holding.get(target) or next((link for link in outer if _fits(names_in(link), chips)), None)
        if holder:
            yield replace(decision, outcome=Outcome.UNCHANGED, reason=f"{holder} leads to it")
            continue
        yield decision
        for link in outer:
            reason = f"leads to {decision.path}"
            yield replace(decision, path=link, size=0, reason=reason, follows=decision.path)
