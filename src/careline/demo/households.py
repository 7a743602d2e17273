"""Made-up patients: households with children, twins, elders, shared telephones, proxies, coverage and visits. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from careline.demo.clinic import DOMAIN, UNITS, ZONE
from careline.demo.dice import Dice
from careline.demo.names import AREA_CODES, POOLS, STREET_KINDS, STREETS, TOWNS, TWINS, Names
from careline.patients.names import fold
from careline.patients.store import search_columns

#: Ages are counted from here, so that the same people come out whenever the seed runs.
REFERENCE = date(2026, 11, 1)

_PAYERS = (
    ("Prairie Mutual", ("PPO Gold", "PPO Silver", "HMO Basic"), "PM"),
    ("Lakeland Health Plan", ("HMO", "Open Access"), "LK"),
    ("Northbridge Benefit", ("Choice Plus", "High Deductible"), "NB"),
)
_PARENT = "parent of a minor (45 CFR 164.502(g)(3))"
_EVERYTHING = ["billing", "clinical", "results", "schedule"]


@dataclass(frozen=True, slots=True)
class Doctor:
    """A provider whom patients can be booked with."""

    id: UUID
    unit: str
    location_id: UUID


@dataclass(slots=True)
class Patients:
    """Rows ready to be written, by table."""

    patient: list[dict[str, Any]] = field(default_factory=list)
    patient_phone: list[dict[str, Any]] = field(default_factory=list)
    patient_alert: list[dict[str, Any]] = field(default_factory=list)
    proxy_grant: list[dict[str, Any]] = field(default_factory=list)
    coverage: list[dict[str, Any]] = field(default_factory=list)
    appointment: list[dict[str, Any]] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Each table with its rows, in an order that references allow."""
        for name in ("patient", "patient_phone", "patient_alert", "proxy_grant", "coverage", "appointment"):
            yield name, getattr(self, name)


class Generator:
    """Makes households until there are enough patients."""

    def __init__(self, dice: Dice, doctors: Sequence[Doctor], today: date) -> None:
        self.dice = dice
        self.today = today
        self.made = Patients()
        self._doctors: dict[str, list[Doctor]] = defaultdict(list)
        for doctor in doctors:
            self._doctors[doctor.unit].append(doctor)
        self._numbers = self._all_numbers()
        self._mrn = 100_000
        self._busy: set[tuple[UUID, datetime]] = set()
        self._mobile: dict[UUID, str] = {}

    def run(self, count: int) -> Patients:
        """At least `count` patients: the special cases first, where there is room for them, then plain households."""
        if count >= 1_000:
            for pair in TWINS * 2:
                self._family(twins=pair)
            for _ in range(25):
                self._namesakes()
            for size in (64, 48, 31):
                self._facility(size)
        while len(self.made.patient) < count:
            self._household()
        dead = {p["id"] for p in self.made.patient if p["deceased_on"]}
        self.made.appointment = [a for a in self.made.appointment if a["patient_id"] not in dead]
        return self.made

    # --- kinds of household ---------------------------------------------------------------------------------------

    def _household(self) -> None:
        kind = self.dice.random()
        if kind < 0.34:
            self._family()
        elif kind < 0.56:
            home = self._home()
            self._person(home, self._age(22, 70), mobile=True)
        elif kind < 0.80:
            home = self._home()
            age = self._age(26, 72)
            self._couple(home, age)
        else:
            self._elders()

    def _couple(self, home: _Home, age: int) -> list[dict[str, Any]]:
        people = [self._person(home, age, mobile=True), self._person(home, max(20, age + self.dice.randint(-5, 5)),
                                                                      mobile=True)]  # fmt: skip
        if self.dice.chance(22):
            self._grant(people[0], people[1], "spouse/family", ["schedule"], "named by the patient (45 CFR 164.510(b))")
        return people

    def _family(self, twins: tuple[str, str] | None = None) -> None:
        home = self._home()
        age = self._age(26, 46)
        parents = self._couple(home, age) if self.dice.chance(74) else [self._person(home, age, mobile=True)]
        children = []
        if twins:
            born = self._birth(self._age(1, min(16, age - 19)))
            children = [self._person(home, 0, given=name, born=born) for name in twins]
            for child, other in zip(children, reversed(children), strict=True):
                self._alert(child, "similar-name", f"Twin: {other['given']}. Spell the first name letter by letter.")
        for _ in range(self.dice.choices((0, 1, 2, 3), (4, 40, 40, 16))[0] if not twins else 0):
            children.append(self._person(home, self._age(0, min(17, age - 19))))
        for child in children:
            for parent in parents:
                self._phone(child, self._mobile[parent["id"]], "home")
                self._grant(child, parent, "parent", _EVERYTHING, _PARENT, minor=True)
        if len(parents) == 1 and children and self.dice.chance(12):
            for child in children:
                self._alert(child, "custody", "Court order on file: the other parent may not receive information.")
        if self.dice.chance(6):
            baby = self._person(home, 0, given="Baby Girl" if self.dice.chance(50) else "Baby Boy",
                                born=REFERENCE - timedelta(days=self.dice.randint(3, 40)))  # fmt: skip
            self._phone(baby, self._mobile[parents[0]["id"]], "home")
            self._grant(baby, parents[0], "parent", _EVERYTHING, _PARENT, minor=True)

    def _elders(self) -> None:
        home = self._home()
        age = self._age(66, 93)
        landline = next(self._numbers)
        people = [self._person(home, age, mobile=self.dice.chance(40))]
        if self.dice.chance(58):
            people.append(self._person(home, max(62, age + self.dice.randint(-6, 4)), mobile=self.dice.chance(40)))
        for person in people:
            self._phone(person, landline, "home")
            if self.dice.chance(9):
                person["deceased_on"] = REFERENCE - timedelta(days=self.dice.randint(10, 900))
            if self.dice.chance(18):
                self._alert(person, "hearing", "Hard of hearing: speak slowly, do not raise your voice.")
        if self.dice.chance(35):
            daughter = self._person(self._home(home.names), self._age(35, 62), mobile=True)
            role, basis = "health-care-agent", "power of attorney for health care"
            self._grant(people[0], daughter, role, _EVERYTHING, basis)

    def _namesakes(self) -> None:
        """Father and son of one name in one house."""
        home = self._home()
        father = self._person(home, self._age(48, 70), sex="male", mobile=True)
        son = self._person(home, self._age(19, 30), given=father["given"], sex="male", mobile=self.dice.chance(70))
        father["suffix"], son["suffix"] = "Sr", "Jr"
        self._phone(son, self._mobile[father["id"]], "home")
        for person in (father, son):
            self._alert(person, "similar-name", "Father and son of the same name: check the birth date.")

    def _facility(self, size: int) -> None:
        """A nursing home: many residents, one telephone that says nothing about who is calling."""
        switchboard = next(self._numbers)
        town = TOWNS[self.dice.randrange(3)]
        street = f"{self.dice.randint(100, 3900)} {self.dice.choice(STREETS)} {self.dice.choice(STREET_KINDS)}"
        for _ in range(size):
            home = self._home(town=town, street=street)
            person = self._person(home, self._age(70, 97))
            self._phone(person, switchboard, "facility")
            if self.dice.chance(55):
                child = self._person(self._home(home.names), self._age(42, 66), mobile=True)
                self._grant(person, child, "health-care-agent", _EVERYTHING, "power of attorney for health care")

    # --- one person -----------------------------------------------------------------------------------------------

    def _home(
        self, names: Names | None = None, town: tuple[str, str, Sequence[str]] | None = None, street: str | None = None
    ) -> _Home:
        dice = self.dice
        names = names or dice.choices(POOLS, [p.share for p in POOLS])[0]
        city, state, codes = town or dice.choices(TOWNS, (62, 8, 6, 6, 5, 5, 4, 2, 2))[0]
        street = street or f"{dice.randint(100, 4900)} {dice.choice(STREETS)} {dice.choice(STREET_KINDS)}"
        return _Home(
            id=dice.id(),
            names=names,
            family=dice.choice(names.families),
            second=dice.choice(names.families) if names.language == "es" and dice.chance(45) else "",
            street=street + (f", Apt {dice.randint(1, 48)}" if dice.chance(38) else ""),
            city=city,
            state=state,
            postal_code=dice.choice(codes),
            language=names.language if dice.chance(names.prefer) else "en",
        )

    def _person(
        self,
        home: _Home,
        age: int,
        *,
        given: str | None = None,
        sex: str | None = None,
        born: date | None = None,
        mobile: bool = False,
    ) -> dict[str, Any]:
        dice = self.dice
        sex = sex or ("female" if dice.chance(53) else "male")
        given = given or dice.choice(home.names.women if sex == "female" else home.names.men)
        middle = dice.choice(home.names.women if sex == "female" else home.names.men) if dice.chance(44) else ""
        family = f"{home.family} {home.second}".strip()
        if age >= 30 and dice.chance(7):
            family = f"{home.family}-{dice.choice(home.names.families)}"
        born = born or self._birth(age)
        adult = (REFERENCE - born).days >= 18 * 365.25
        former = dice.choice(home.names.families) if adult and sex == "female" and dice.chance(16) else ""
        preferred = dice.choice(home.names.women + home.names.men) if dice.chance(3) else ""
        names = {"given": given, "middle": middle, "family": family, "preferred": preferred, "former_family": former}
        self._mrn += dice.randint(1, 9)
        doctor = self._doctor(age, born)
        local = f"{fold(given)}.{fold(family)}".replace(" ", "-")
        person: dict[str, Any] = {
            "id": dice.id(),
            "mrn": f"LH-{self._mrn}",
            **names,
            **search_columns(**names),
            "suffix": "",
            "pronouns": dice.choices(("", "she/her", "he/him", "they/them"), (86, 6, 6, 2))[0],
            "birth_date": born,
            "sex": sex,
            "language": home.language if adult or home.language == "en" else dice.choice(("en", home.language)),
            "zone": ZONE,
            "street": home.street,
            "city": home.city,
            "state": home.state,
            "postal_code": home.postal_code,
            "email": f"{local}{self._mrn % 1000}@{DOMAIN}" if adult and dice.chance(68) else "",
            "household_id": home.id,
            "primary_provider_id": doctor.id if doctor else None,
            "deceased_on": None,
            "vip": dice.chance(0.4),
            "confidential": dice.chance(1.2),
        }
        person["interpreter"] = person["language"] not in ("en", "es")
        self.made.patient.append(person)
        if mobile:
            self._mobile[person["id"]] = number = next(self._numbers)
            self._phone(person, number, "mobile")
            if dice.chance(14):
                self._phone(person, next(self._numbers), "work")
        if person["confidential"]:
            self._alert(person, "safety", "Do not leave voicemail and do not write to the home address.")
        self._cover(person)
        if doctor:
            self._visits(person, doctor)
        return person

    def _phone(self, person: dict[str, Any], number: str, use: str) -> None:
        days = self.dice.randint(20, 2400) if not self.dice.chance(2) else self.dice.randint(1, 12)
        mine = [p for p in self.made.patient_phone[-12:] if p["patient_id"] == person["id"]]
        self.made.patient_phone.append(
            {
                "id": self.dice.id(),
                "patient_id": person["id"],
                "number": number,
                "use": use,
                "position": len(mine),
                "voicemail_ok": not person["confidential"] and self.dice.chance(55),
                "changed_at": datetime.combine(REFERENCE - timedelta(days=days), time(15), UTC),
            }
        )

    def _alert(self, person: dict[str, Any], kind: str, body: str) -> None:
        since = max(person["birth_date"], REFERENCE - timedelta(days=self.dice.randint(30, 900)))
        self.made.patient_alert.append(
            {"id": self.dice.id(), "patient_id": person["id"], "kind": kind, "body": body, "since": since}
        )

    def _grant(
        self,
        person: dict[str, Any],
        holder: dict[str, Any],
        role: str,
        scope: list[str],
        basis: str,
        *,
        minor: bool = False,
    ) -> None:
        born: date = person["birth_date"]
        self.made.proxy_grant.append(
            {
                "id": self.dice.id(),
                "patient_id": person["id"],
                "holder_name": f"{holder['given']} {holder['family']}",
                "holder_patient_id": holder["id"],
                "holder_phone": self._mobile.get(holder["id"]),
                "role": role,
                "scope": scope,
                "basis": basis,
                "note": "",
                "valid_from": born if minor else REFERENCE - timedelta(days=self.dice.randint(60, 1500)),
                "valid_until": None if minor or self.dice.chance(80) else REFERENCE + timedelta(days=400),
                "age_out": _birthday(born, 18) if minor else None,
            }
        )

    def _cover(self, person: dict[str, Any]) -> None:
        dice = self.dice
        age = (REFERENCE - person["birth_date"]).days // 365
        if age >= 65:
            letters = "".join(dice.choices("ACDEFGHJKMNPQRTUVWXY", k=4))
            payer, plan = "Medicare", "Part A and B"
            member = f"1{letters[0]}{letters[1]}{dice.randint(0, 9)}{letters[2:]}{dice.randint(1000, 9999)}"
        elif dice.chance(30 if age < 18 else 17):
            payer, plan, member = "Illinois Medicaid", "HealthChoice", f"{dice.randint(10**8, 10**9 - 1)}"
        elif dice.chance(7):
            return
        else:
            payer, plans, prefix = dice.choice(_PAYERS)
            plan, member = dice.choice(plans), f"{prefix}{dice.randint(10**7, 10**8 - 1)}"
        status = dice.choices(("active", "inactive", "unchecked"), (84, 5, 11))[0]
        checked = REFERENCE - timedelta(days=dice.randint(1, 120))
        self.made.coverage.append(
            {
                "id": dice.id(),
                "patient_id": person["id"],
                "position": 1,
                "payer": payer,
                "plan": plan,
                "member_id": member,
                "status": status,
                "checked_at": None if status == "unchecked" else datetime.combine(checked, time(14), UTC),
                "valid_from": date(2026, 1, 1),
                "valid_until": date(2026, 12, 31),
            }
        )

    def _doctor(self, age: int, born: date) -> Doctor | None:
        years = age or (REFERENCE - born).days // 365
        units = [u.key for u in UNITS if u.providers and u.specialty in ("Family medicine", "Internal medicine")
                 and (u.patients != "adult" or years >= 18)]  # fmt: skip
        if years < 18:
            units = ["peds", "peds", "peds", *units[:2]]
        return self.dice.choice(self._doctors[self.dice.choice(units)]) if self._doctors else None

    def _visits(self, person: dict[str, Any], doctor: Doctor) -> None:
        dice = self.dice
        if person["deceased_on"] or not dice.chance(46):
            return
        years = (REFERENCE - person["birth_date"]).days // 365
        for _ in range(dice.choices((1, 2, 3), (72, 22, 6))[0]):
            fitting = [u for u in UNITS if u.providers and (
                u.patients == "any" or (u.patients == "adult" and years >= 18)
                or (u.patients == "child" and years < 18)
                or (u.patients == "women" and person["sex"] == "female" and 16 <= years < 60))]  # fmt: skip
            unit = dice.choice(fitting) if dice.chance(40) else next(u for u in UNITS if u.key == doctor.unit)
            seen_by = dice.choice(self._doctors[unit.key]) if unit.key != doctor.unit else doctor
            starts = self._free(seen_by)
            if starts is not None:
                self.made.appointment.append(
                    {
                        "id": dice.id(),
                        "patient_id": person["id"],
                        "provider_id": seen_by.id,
                        "location_id": seen_by.location_id,
                        "starts_at": starts,
                        "minutes": dice.choice((20, 20, 30)),
                        "visit_type": dice.choice(unit.visits),
                        "status": "booked",
                    }
                )

    def _free(self, doctor: Doctor) -> datetime | None:
        """A slot of half an hour within the next three months that nobody has with this doctor."""
        for _ in range(8):
            day = self.today + timedelta(days=self.dice.randint(1, 90))
            if day.weekday() >= 5:
                continue
            wall = time(self.dice.randint(8, 16), self.dice.choice((0, 30)))
            at = datetime.combine(day, wall, ZoneInfo(ZONE)).astimezone(UTC)
            if (doctor.id, at) not in self._busy:
                self._busy.add((doctor.id, at))
                return at
        return None

    # --- chance ---------------------------------------------------------------------------------------------------

    def _age(self, low: int, high: int) -> int:
        return self.dice.randint(low, high)

    def _birth(self, age: int) -> date:
        born = REFERENCE - timedelta(days=int(age * 365.25) + self.dice.randint(1, 364))
        # Records of people who did not know their birthday carry the first of January.
        return date(born.year, 1, 1) if age >= 50 and self.dice.chance(1.5) else born

    def _all_numbers(self) -> Iterator[str]:
        numbers = [f"+1{area}55501{last:02}" for area in AREA_CODES for last in range(100)]
        self.dice.shuffle(numbers)
        yield from numbers
        raise RuntimeError("the reserved range has no more telephone numbers")


@dataclass(frozen=True, slots=True)
class _Home:
    id: UUID
    names: Names
    family: str
    second: str
    street: str
    city: str
    state: str
    postal_code: str
    language: str


def _birthday(born: date, years: int) -> date:
    try:
        return born.replace(year=born.year + years)
    except ValueError:  # 29 February
        return date(born.year + years, 3, 1)
