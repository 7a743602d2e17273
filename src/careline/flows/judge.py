"""What the publish gate knows while it judges a flow: what the flow may name, and the checks that nodes share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from careline.flows.model import Flow, Problem
from careline.flows.place import BUILT_IN, FUNCTIONS, SLOT, SPOKEN_AS
from careline.flows.spoken import Prompt, Recording, Spoken, Words
from careline.kernel.expressions import Expression

#: The keys of a telephone.
KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a flow may name. None: not known here, and not judged."""

    queues: Mapping[UUID, str] | None = None
    #: Agents, for calls to one person.
    people: Mapping[UUID, str] | None = None
    #: Skills that somebody has.
    skills: frozenset[str] | None = None
    departments: Mapping[UUID, str] | None = None
    calendars: Mapping[UUID, str] | None = None
    flows: Mapping[UUID, str] | None = None
    #: Table -> its columns.
    tables: Mapping[str, tuple[str, ...]] | None = None
    #: Systems for look-ups, and programs that talk.
    endpoints: frozenset[str] | None = None
    #: Prompt of the catalogue -> languages it is spoken in; a `*` at the end of a key stands for anything.
    prompts: Mapping[str, frozenset[str]] | None = None
    #: Ids of uploaded recordings.
    recordings: frozenset[str] | None = None
    #: Keys that raise an emergency on the lines this flow is for.
    emergency_keys: frozenset[str] = frozenset("*")


@dataclass(slots=True)
class Judge:
    """Collects what is wrong, node by node."""

    flow: Flow
    context: Context
    found: list[Problem] = field(default_factory=list)
    node: str | None = None

    def wrong(self, name: str, code: str, text: str, severity: Literal["error", "warning"] = "error") -> None:
        """Note a problem of the present node."""
        self.found.append(Problem(self.node, name, code, text, severity))

    # --- names --------------------------------------------------------------------------------------------------------

    def known(self, name: str, value: str, known: Any, what: str) -> None:
        """Refuse a name that is not among those known; None: not known here, and not judged."""
        if known is not None and value not in known:
            self.wrong(name, f"{what.replace(' ', '-')}-unknown", f"There is no {what} “{value}”.")

    def reference(self, name: str, value: UUID | str | None, known: Mapping[UUID, str] | None, what: str) -> None:
        """Refuse an id or name of the organization that is none, or that two things share."""
        if value is None or known is None:
            return
        if value not in known and value not in known.values():
            self.wrong(name, f"{what.replace(' ', '-')}-unknown", f"There is no {what} “{value}”.")
        elif isinstance(value, str) and sum(1 for other in known.values() if other == value) > 1:
            self.wrong(name, "name-ambiguous", f"There is more than one {what} “{value}”.")

    def variable(self, name: str, variable: str) -> None:
        """Refuse a variable that is not declared."""
        if variable not in self.flow.variables:
            self.wrong(name, "variable-unknown", f"The variable “{variable}” is not declared.")

    # --- keys and digits ----------------------------------------------------------------------------------------------

    def key(self, name: str, key: str) -> None:
        """Refuse a key that no telephone has, or that is kept for emergencies."""
        if key not in KEYS:
            self.wrong(name, "key-invalid", f"No telephone has the key “{key}”.")
        elif key in self.context.emergency_keys:
            self.wrong(name, "key-emergency", f"The key {key} is kept for emergencies.")

    def limits(self, name: str, least: int, most: int) -> None:
        """Refuse fewer digits at most than at least."""
        if least > most:
            self.wrong(name, "limits", "The most digits are fewer than the fewest.")

    # --- values -------------------------------------------------------------------------------------------------------

    def expression(self, name: str, expression: Expression) -> None:
        """Refuse names, functions and tables that there are not."""
        for used in sorted(expression.names):
            if used not in self.flow.variables and used not in BUILT_IN and not used.startswith("caller."):
                self.wrong(name, "variable-unknown", f"“{used}” is no variable of this flow.")
        for function, count, first in expression.calls:
            if function not in FUNCTIONS:
                self.wrong(name, "function-unknown", f"There is no function “{function}”.")
            elif count != FUNCTIONS[function]:
                text = f"“{function}” takes {FUNCTIONS[function]} values, not {count}."
                self.wrong(name, "function-arguments", text)
            elif function in ("table", "listed") and isinstance(first, str):
                self.known(name, first, self.context.tables, "table")

    def slots(self, name: str, text: str) -> None:
        """Refuse `{names}` in a text that there are not."""
        for slot in SLOT.finditer(text):
            if slot[1] not in self.flow.variables and slot[1] not in BUILT_IN:
                self.wrong(name, "variable-unknown", f"“{slot[1]}” is no variable of this flow.")
            if slot[2] and slot[2] not in SPOKEN_AS:
                self.wrong(name, "value-type", f"A value cannot be spoken as “{slot[2]}”.")

    # --- prompts ------------------------------------------------------------------------------------------------------

    def prompt(self, name: str, prompt: Spoken) -> None:
        """Refuse what cannot be spoken in each language of the flow."""
        languages = self.flow.languages
        match prompt:
            case Words(texts):
                self._languages(name, texts, languages)
                for language, text in texts.items():
                    if not text.strip():
                        self.wrong(f"{name}.text.{language}", "prompt-empty", "There is nothing to say.")
                    self.slots(f"{name}.text.{language}", text)
            case Recording(ids):
                self._languages(name, ids, languages)
                for id_ in ids.values():
                    self.known(name, id_, self.context.recordings, "recording")
            case Prompt(key) if self.context.prompts is not None:
                spoken = _catalogue(self.context.prompts, key)
                if spoken is None:
                    self.wrong(name, "prompt-unknown", f"The catalogue has no prompt “{key}”.")
                elif missing := [x for x in languages if x not in spoken]:
                    self.wrong(name, "prompt-language", f"“{key}” is not spoken in: {', '.join(missing)}.")

    def _languages(self, name: str, texts: Mapping[str, Any], languages: tuple[str, ...]) -> None:
        if not texts:
            self.wrong(name, "prompt-empty", "There is nothing to say.")
        elif set(texts) == {""}:
            if len(languages) > 1:
                self.wrong(name, "prompt-language", f"Say this in each language: {', '.join(languages)}.")
        elif missing := [x for x in languages if not texts.get(x)]:
            self.wrong(name, "prompt-language", f"This is not said in: {', '.join(missing)}.")


def _catalogue(prompts: Mapping[str, frozenset[str]], key: str) -> frozenset[str] | None:
    if key in prompts:
        return prompts[key]
    return next((spoken for known, spoken in prompts.items() if known[-1:] == "*" and key.startswith(known[:-1])), None)
