"""Lakeshore Health Partners: the made-up health system of the demo. Places, specialties, lines, queues, staff. Data.

Every telephone number is of the range 555-0100 to 555-0199, which is reserved for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "Lakeshore Health Partners"
SLUG = "lakeshore"
ZONE = "America/Chicago"
#: The domain of demo e-mail addresses: reserved, so that nothing can ever be delivered.
DOMAIN = "lakeshore.example"
#: Everybody's password in the demo. Shown at start; demo systems hold no real people.
PASSWORD = "harbor-light-42"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Place:
    """A location."""

    key: str
    account: str
    name: str
    street: str
    city: str
    state: str
    postal_code: str
    phone: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A department, and how many providers it has."""

    key: str
    place: str
    name: str
    specialty: str
    providers: int
    #: Hours its patients are seen: adult, child, women, any.
    patients: str = "any"
    visits: tuple[str, ...] = ("Follow-up", "New patient")


@dataclass(frozen=True, slots=True)
class Line:
    """A public number."""

    key: str
    place: str
    label: str
    number: str
    #: None: around the clock.
    hours: str | None
    department: str
    #: Key, menu reason (as the prompt catalogue names it), queue.
    menu: tuple[tuple[str, str, str], ...]
    queue: str


ACCOUNTS = ("Lakeshore Medical Group", "Lakeshore Children's", "Lakeshore Specialty Clinics")

PLACES = (
    Place("loop", "Lakeshore Medical Group", "Lakeshore Loop", "180 N Harbor Drive", "Chicago", "IL", "60601",
          "+13125550101"),
    Place("pilsen", "Lakeshore Medical Group", "Lakeshore Pilsen", "1820 S Ashland Avenue", "Chicago", "IL", "60608",
          "+13125550102"),
    Place("evanston", "Lakeshore Medical Group", "Lakeshore Evanston", "940 Ridge Avenue", "Evanston", "IL", "60202",
          "+18475550101"),
    Place("children", "Lakeshore Children's", "Lakeshore Children's Lincoln Park", "2400 N Lincoln Avenue", "Chicago",
          "IL", "60614", "+13125550103"),
    Place("specialty", "Lakeshore Specialty Clinics", "Lakeshore Specialty Center", "700 N Wells Street", "Chicago",
          "IL", "60654", "+13125550104"),
)  # fmt: skip

UNITS = (
    Unit("fm-loop", "loop", "Family Medicine Loop", "Family medicine", 6, "any",
         ("Annual physical", "Follow-up", "Sick visit", "New patient")),
    Unit("fm-pilsen", "pilsen", "Family Medicine Pilsen", "Family medicine", 5, "any",
         ("Annual physical", "Follow-up", "Sick visit", "New patient")),
    Unit("im-evanston", "evanston", "Internal Medicine Evanston", "Internal medicine", 5, "adult",
         ("Annual wellness visit", "Follow-up", "New patient")),
    Unit("peds", "children", "Pediatrics", "Pediatrics", 7, "child",
         ("Well-child visit", "Sick visit", "Vaccines", "School physical")),
    Unit("women", "specialty", "Women's Health", "Obstetrics and gynecology", 5, "women",
         ("Prenatal visit", "Annual exam", "Ultrasound")),
    Unit("cardiology", "specialty", "Cardiology", "Cardiology", 4, "adult",
         ("Follow-up", "Echocardiogram", "Stress test")),
    Unit("ortho", "specialty", "Orthopedics", "Orthopedics", 3, "any", ("Follow-up", "Post-op visit", "New patient")),
    Unit("derm", "specialty", "Dermatology", "Dermatology", 3, "any", ("Skin check", "Follow-up")),
    Unit("behavioral", "loop", "Behavioral Health", "Behavioral health", 3, "any", ("Therapy", "Intake")),
    Unit("refills", "loop", "Prescription Desk", "Pharmacy services", 0),
    Unit("business", "loop", "Business Office", "Billing and insurance", 0),
    Unit("referrals", "specialty", "Referrals and Records", "Referrals and records", 0),
)  # fmt: skip

#: Name, skills (least proficiency), priority, expected seconds of handling.
QUEUES: tuple[tuple[str, dict[str, float], int, int], ...] = (
    ("Appointments", {"scheduling": 20}, 0, 260),
    ("Pediatrics", {"pediatrics": 20}, 5, 250),
    ("Prescriptions", {"refills": 20}, 0, 200),
    ("Billing and insurance", {"billing": 20}, 0, 320),
    ("Referrals and records", {"referrals": 20}, 0, 300),
    ("General", {}, -5, 180),
)

#: What queues are called in Spanish, where the bundled voice has no words for a reason.
SPANISH = {
    "Appointments": "Citas",
    "Pediatrics": "Pediatría",
    "Prescriptions": "Recetas",
    "Billing and insurance": "Facturación y seguros",
    "Referrals and records": "Referidos y expedientes",
    "General": "Información general",
}

_MAIN = (
    ("1", "appointments", "Appointments"), ("2", "prescriptions", "Prescriptions"),
    ("3", "billing", "Billing and insurance"), ("4", "referrals", "Referrals and records"),
    ("5", "message", "General"),
)  # fmt: skip

LINES = (
    Line("main", "loop", "Lakeshore Health", "+13125550100", None, "fm-loop", _MAIN, "General"),
    Line("pilsen", "pilsen", "Lakeshore Pilsen", "+13125550110", "Clinic hours", "fm-pilsen", _MAIN, "General"),
    Line("evanston", "evanston", "Lakeshore Evanston", "+18475550100", "Clinic hours", "im-evanston", _MAIN,
         "General"),
    Line("children", "children", "Lakeshore Children's", "+13125550120", "Children's hours", "peds",
         (("1", "appointments", "Pediatrics"), ("2", "prescriptions", "Prescriptions"),
          ("3", "billing", "Billing and insurance")), "Pediatrics"),
    Line("specialty", "specialty", "Lakeshore Specialty Center", "+13125550130", "Clinic hours", "women",
         (("1", "appointments", "Appointments"), ("2", "referrals", "Referrals and records"),
          ("3", "results", "General")), "Appointments"),
    Line("after-hours", "loop", "Lakeshore after hours", "+13125550139", "Never", "fm-loop", (), "General"),
)  # fmt: skip

#: Names of days, openings. `Never` is how a voicemail-only line is written.
_WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
HOURS: dict[str, dict[str, list[list[str]]]] = {
    "Clinic hours": {**{day: [["08:00", "17:30"]] for day in _WORKDAYS}, "sat": [["09:00", "12:00"]]},
    "Children's hours": {
        **{day: [["07:30", "19:00"]] for day in _WORKDAYS},
        "sat": [["08:00", "14:00"]],
        "sun": [["09:00", "12:00"]],
    },
    "Never": {},
}

#: Month, day, name of the fixed holidays, and the moving ones by rule: month, weekday (0 Monday), which (-1 last).
FIXED_HOLIDAYS = ((1, 1, "New Year's Day"), (7, 4, "Independence Day"), (12, 25, "Christmas Day"))
MOVING_HOLIDAYS = ((5, 0, -1, "Memorial Day"), (9, 0, 1, "Labor Day"), (11, 3, 4, "Thanksgiving"))

#: Wrap-up code, English, Spanish.
WRAP_UP = (
    ("appointment-made", "Appointment made", "Cita hecha"),
    ("appointment-changed", "Appointment changed or cancelled", "Cita cambiada o cancelada"),
    ("message-taken", "Message taken", "Recado tomado"),
    ("refill-request", "Refill request", "Solicitud de receta"),
    ("billing-question", "Billing or insurance question", "Pregunta de facturación o seguro"),
    ("referral-records", "Referral or records", "Referido o expediente"),
    ("information", "Information given", "Información dada"),
    ("transferred", "Transferred", "Transferida"),
    ("emergency", "Emergency: 911 advised", "Emergencia: se indicó llamar al 911"),
    ("wrong-number", "Wrong number", "Número equivocado"),
    ("caller-left", "Caller left or silent", "La persona colgó o no habló"),
)

#: What callers ask about a place: topic, words, who answers for it.
INFORMATION = (
    ("Parking", "Two hours free in the garage behind the building; the entrance is on the side street.", "Facilities"),
    ("Getting here", "The entrance is step-free. The nearest train and bus stops are within two blocks.", "Facilities"),
    ("Insurance accepted",
     "Most commercial plans, Medicare and Illinois Medicaid. Ask the Business Office about a plan not listed.",
     "Business Office"),
    ("New patients", "Come 20 minutes early with photo ID, insurance card and a list of medicines.", "Front desk"),
    ("Forms", "School and work forms take up to five business days. Records requests go to Referrals and Records.",
     "Referrals and Records"),
    ("Results", "Results appear in the portal. Agents do not read out or explain results; take a message.", "Clinics"),
    ("Interpreters", "Free for every visit and call. Offer one whenever the caller prefers another language.",
     "Access services"),
)  # fmt: skip
