"""The staff of Lakeshore Health Partners: agents with skills and languages, clinicians, and the others. Data."""

from __future__ import annotations

from dataclasses import dataclass, field

from careline.security.permissions import Role


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody with a sign-in."""

    name: str
    roles: tuple[Role, ...]
    languages: tuple[str, ...] = ("en",)
    #: Skill -> proficiency.
    skills: dict[str, float] = field(default_factory=dict)
    #: Departments whose inbox they work.
    inboxes: tuple[str, ...] = ()

    @property
    def login(self) -> str:
        """The part of the e-mail address before the @: the first name, which is unique among them."""
        return self.name.split()[0].casefold().replace("í", "i").replace("é", "e").replace("á", "a")


#: What each skill lets one answer.
SKILL_QUEUES = {
    "scheduling": ("Appointments",),
    "pediatrics": ("Pediatrics",),
    "refills": ("Prescriptions",),
    "billing": ("Billing and insurance",),
    "referrals": ("Referrals and records",),
}

_EN, _ES = ("en",), ("en", "es")


def _agent(name: str, languages: tuple[str, ...], **skills: float) -> Worker:
    return Worker(name, (Role.AGENT,), languages, skills)


#: Shown at the start of the demo: these sign-ins are enough to see everything.
SHOWN = (
    Worker("Rosa Delgado", (Role.AGENT,), _ES, {"scheduling": 90, "refills": 60, "pediatrics": 50}),
    Worker("Marcus Bell", (Role.AGENT,), _EN, {"scheduling": 80, "billing": 70, "referrals": 60}),
    Worker("Dana Whitfield", (Role.SUPERVISOR,), _EN, {"scheduling": 70, "billing": 70}),
    Worker("Priscilla Nguyen", (Role.PROVIDER,), _EN, {}, ("fm-loop", "refills")),
    Worker("Howard Ames", (Role.ADMINISTRATOR,)),
    Worker("Renee Castle", (Role.QUALITY,)),
    Worker("Judith Moran", (Role.PRIVACY_OFFICER,)),
)

AGENTS = (
    _agent("Tamara Jenkins", _EN, scheduling=85, pediatrics=80),
    _agent("Luz Herrera", _ES, scheduling=75, billing=65),
    _agent("Kenji Mori", _EN, billing=90, referrals=70),
    _agent("Alma Fuentes", _ES, refills=85, scheduling=60),
    _agent("Derek Olsen", _EN, referrals=90, scheduling=55),
    _agent("Shanice Powell", _EN, scheduling=95, refills=70, pediatrics=60),
    _agent("Gilberto Ríos", _ES, billing=80, referrals=75),
    _agent("Agata Nowak", ("en", "pl"), scheduling=70, refills=65),
    _agent("Curtis Lane", _EN, refills=90),
    _agent("Inés Ponce", _ES, pediatrics=90, scheduling=80),
    _agent("Fatima Rahman", _EN, scheduling=65, referrals=80),
    _agent("Brooke Sutton", _EN, pediatrics=75, refills=55),
    _agent("Esteban Luna", _ES, scheduling=85, refills=50),
    _agent("Nadia Petrov", _EN, billing=75),
    _agent("Omar Haddad", _EN, scheduling=60, billing=60),
    _agent("Yesenia Mora", _ES, referrals=70, scheduling=70),
    _agent("Connor Walsh", _EN, scheduling=50),
    _agent("Mei-Ling Chu", ("en", "zh"), scheduling=80, billing=50),
    _agent("Jerome Banks", _EN, refills=75, scheduling=65),
    _agent("Paloma Vidal", _ES, pediatrics=70, billing=55),
    _agent("Heidi Larson", _EN, referrals=85, billing=60),
    _agent("Andre Fontaine", _EN, scheduling=70, refills=60),
)

OTHERS = (
    Worker("Calvin Pruitt", (Role.SUPERVISOR,), _EN, {"scheduling": 60, "refills": 60}),
    Worker("Soledad Campos", (Role.PROVIDER,), _ES, {}, ("fm-pilsen",)),
    Worker("Greta Holm", (Role.PROVIDER,), _EN, {}, ("im-evanston",)),
    Worker("Wanda Fields", (Role.PROVIDER,), _EN, {}, ("peds",)),
    Worker("Noreen Daly", (Role.PROVIDER,), _EN, {}, ("women",)),
    Worker("Isaac Stern", (Role.PROVIDER,), _EN, {}, ("cardiology", "ortho")),
    Worker("Tessa Quinn", (Role.PROVIDER,), _EN, {}, ("derm", "behavioral")),
    Worker("Pilar Santos", (Role.PROVIDER,), _ES, {}, ("refills",)),
    Worker("Vernon Hayes", (Role.PROVIDER,), _EN, {}, ("business",)),
    Worker("Lorraine Kemp", (Role.PROVIDER,), _EN, {}, ("referrals",)),
)

WORKERS = (*SHOWN, *AGENTS, *OTHERS)

#: Providers, in the order of the departments that have any; the first of a department signs in and reads an own inbox.
PROVIDERS = (
    "Dr. Ana Osei|MD|en", "Dr. Peter Lindqvist|MD|en", "Dr. Carmen Ibarra|MD|en,es", "Dr. Samuel Wright|DO|en",
    "Joy Abara|APRN|en", "Dr. Thomas Becker|MD|en",
    "Dr. Elena Cordero|MD|en,es", "Dr. Rafael Montoya|MD|en,es", "Dr. Grace Kim|MD|en,ko", "Silvia Trejo|APRN|en,es",
    "Dr. Neil Abbott|DO|en",
    "Dr. Ruth Feldman|MD|en", "Dr. Anil Deshpande|MD|en,hi", "Dr. Laura Novak|MD|en,pl", "Dr. Victor Hsu|MD|en,zh",
    "Karen Doyle|PA-C|en",
    "Dr. Hannah Brooks|MD|en", "Dr. Miguel Santana|MD|en,es", "Dr. Julia Park|MD|en,ko", "Dr. Omar Siddiqui|MD|en,ur",
    "Dr. Beth Carlson|MD|en", "Lucy Tran|APRN|en,vi", "Dr. Aaron Gold|MD|en",
    "Dr. Monica Reyes|MD|en,es", "Dr. Claire Duval|MD|en,fr", "Dr. Simone Baptiste|MD|en", "Nina Kowalska|CNM|en,pl",
    "Dr. Erin Walsh|MD|en",
    "Dr. Leonard Marsh|MD|en", "Dr. Sunil Rao|MD|en,hi", "Dr. Patricia Vance|MD|en", "Dr. Ivan Petrov|MD|en,ru",
    "Dr. Douglas Stone|MD|en", "Dr. Kiara Simmons|MD|en", "Ben Archer|PA-C|en",
    "Dr. Olivia Chan|MD|en,zh", "Dr. Marco Rossi|MD|en,it", "Dr. Faye Turner|MD|en",
    "Dr. Naomi Ellis|PsyD|en", "Dr. Jorge Salas|PhD|en,es", "Amber Reed|LCSW|en",
)  # fmt: skip
