"""The words that the rules for names, pronouns and nominals go by: short lists, as data.

They are closed classes (titles, months, legal forms) or the commonest of open ones; a word that is
missing costs a link, never makes a false one.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MALE_TITLES = _words("mr sir lord king prince emperor count duke baron pope father monsieur herr senor don abbot")
FEMALE_TITLES = _words(
    "mrs ms miss madame mme mademoiselle lady dame queen princess empress countess duchess baroness sister frau senora"
)
OTHER_TITLES = _words(
    "dr doctor prof professor president chancellor general gen colonel col captain capt major lieutenant lt sergeant "
    "sgt admiral rev reverend saint st senator sen governor gov judge justice minister secretary archbishop bishop "
    "cardinal rabbi sheikh sultan chairman mayor ambassador coach"
)
TITLES = MALE_TITLES | FEMALE_TITLES | OTHER_TITLES
JUNIOR = {
    **dict.fromkeys(("jr", "junior", "younger", "fils"), "ii"),
    **dict.fromkeys(("sr", "senior", "elder", "pere"), "i"),
}
"""What tells two of a name apart, as normalised -> the numeral that says the same: "Strauss the Younger" is II."""

PARTICLES = _words("von van de der den du di da del della la le dos das al el bin ibn ben zu ter ten")
"""Words that belong to the surname they stand before."""

SMALL_WORDS = _words("of the and for de la le du des der die das von van in on at to a an et y e & und")
"""Words that an acronym may leave out."""

LEGAL_FORMS = _words(
    "inc incorporated ltd limited co corp corporation company plc llc gmbh ag sa nv ab oyj oy spa bv kg se group "
    "holdings"
)
ORGANISATION_HEADS = _words(
    "university college school institute academy club band party church museum library hospital team orchestra "
    "foundation society association railway railroad airlines press records entertainment hotel high preparatory "
    "secondary business medical"
)
"""What an organisation's name may lose at its end ("Butler University", "Butler")."""

BODY_HEADS = _words(
    "congress court committee commission navy army senate parliament council assembly front league party"
)
"""What an organisation may be called alone ("Indian National Congress", "Congress")."""

PLACE_HEADS = _words("province prefecture")
PLACE_OPENINGS = ("city of ", "town of ", "village of ", "republic of ", "kingdom of ", "province of ")

MONTHS = {
    name[:size]: number
    for number, name in enumerate(
        (
            *("january", "february", "march", "april", "may", "june", "july"),
            *("august", "september", "october", "november", "december"),
        ),
        start=1,
    )
    for size in (3, len(name))
} | {"sept": 9}

MALE_WORDS = _words(
    "actor businessman chairman congressman king prince emperor duke count baron monk priest father son brother "
    "husband boy man nobleman sportsman statesman spokesman clergyman nephew uncle grandson"
)
FEMALE_WORDS = _words(
    "actress businesswoman chairwoman congresswoman queen princess empress duchess countess baroness nun priestess "
    "mother daughter sister wife widow girl woman noblewoman sportswoman stateswoman spokeswoman niece aunt "
    "granddaughter ballerina heroine"
)
MALE_NAMES = _words(
    "aage adam albert alexander alfred andrew anthony antoine arthur benjamin bill bob brian carl charles christian "
    "christopher dan daniel david dmitri donald edward enrico ernest felix francis frank franz frederick friedrich "
    "galileo george gottfried hans harold harry heinrich henri henry isaac ivan jack jacques james jean jeff jim "
    "joe johann johannes john joseph karl kevin lawrence leonardo louis ludwig mark martin max michael mike "
    "napoleon nicholas niels nikola otto patrick paul peter philip pierre rene richard robert roger ronald samuel "
    "stephen steve steven thomas tim tom victor vincent walter werner wilhelm william winston wolfgang"
)
FEMALE_NAMES = _words(
    "ada agatha agnes alice amelia angela ann anna anne barbara beatrice bertha catherine charlotte christina clara "
    "cleopatra diana dorothy elena eleanor elizabeth ellen emily emma eva florence frances frida grace hannah "
    "harriet hedy helen irene isabella jane janet jennifer jessica joan josephine judith julia karen kate katherine "
    "laura linda lisa lise louise lucy margaret maria marie martha mary maya mileva nancy olga patricia rachel "
    "rebecca rosa rosalind ruth sarah simone sophia sophie susan sylvia teresa valentina vera victoria virginia "
    "wislawa"
)

ROLES = _words(
    "author writer director founder founders composer parents parent children child spouse siblings sibling inventor "
    "designer architect producer screenwriter editor leader ceo president owner painter teacher student students "
    "friend colleague successor predecessor cast actors members"
)
"""What people are to a person, a work or an organisation, whatever their gender."""

NOMINALS: dict[str, tuple[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("company", "firm", "corporation"), ("ORG", LEGAL_FORMS | _words("motors bank records airlines industries"))
    ),
    **dict.fromkeys(("band", "group", "duo"), ("ORG", _words("band orchestra quartet trio"))),
    **dict.fromkeys(("university", "college"), ("ORG", _words("university college polytechnic"))),
    "school": ("ORG", _words("school academy")),
    "institute": ("ORG", _words("institute")),
    **dict.fromkeys(("team", "club"), ("ORG", _words("club fc team united"))),
    "party": ("ORG", _words("party")),
    **dict.fromkeys(("organization", "organisation"), ("ORG", _words("organization organisation foundation"))),
    **dict.fromkeys(("newspaper", "magazine"), ("ORG", _words("times post herald gazette magazine"))),
    "city": ("LOC", _words("city")),
    **dict.fromkeys(("town", "village"), ("LOC", _words("town village"))),
    **{kind: ("LOC", _words(kind)) for kind in ("island", "river", "lake", "province")},
    **dict.fromkeys(("film", "movie"), ("MISC", _words("film"))),
    **dict.fromkeys(("album", "song", "book", "novel", "game"), ("MISC", _words(""))),
    "该公司": ("ORG", _words("公司 集团")),
    "该大学": ("ORG", _words("大学")),
    "该校": ("ORG", _words("大学 学院 中学")),
    "该市": ("LOC", _words("市")),
}
"""Head noun -> the type of what it can stand for, and the words by which a name of that kind gives itself away."""

UNMARKED = _words(
    "company firm corporation band group duo team club city town village film movie album song book novel game "
    "该公司 该市"
)
"""The heads whose kind a name need not give away ("Nokia" is a company, but "Oxford University" a university)."""
