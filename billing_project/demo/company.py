"""Describe the company of the demonstration data: what it meters, what it sells, and to whom. PURE.

Larkspur Cloud rents out language models, document parsing, storage, video and graphics processors. Everything here is invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Rhythm = Literal["office", "leisure"]

SELLER: Mapping[str, str] = {
    "name": "Larkspur Cloud B.V.",
    "email": "billing@larkspur.example",
    "tax_id": "NL859241736B01",
    "street": "Keizersgracht 241",
    "city": "Amsterdam",
    "zipcode": "1016 EA",
    "country": "NL",
    "default_tax_rate": "0.21",
}


@dataclass(frozen=True)
class MeterPlan:
    """A meter of the company, made from the blueprint of that slug."""

    blueprint: str
    name: str


@dataclass(frozen=True)
class PricePlan:
    """What one meter's units cost. price_per_unit: minor units per one unit, as the wire contract writes it."""

    blueprint: str
    price_per_unit: str
    free_threshold: int


@dataclass(frozen=True)
class ProductPlan:
    """A monthly product. fixed_price: minor units of currency.  daily_events: how many of each kind an average subscriber sends."""

    slug: str
    name: str
    description: str
    currency: str
    fixed_price: int
    prices: tuple[PricePlan, ...]
    daily_events: Mapping[str, int]


@dataclass(frozen=True)
class GrantPlan:
    """Credit that a customer starts with: units of a blueprint's meter, or minor units of the product's currency.

    renews: anew every cycle of the subscription.  days: how long it lasts from the start, None for ever.
    """

    name: str
    amount: Decimal
    blueprint: str | None = None
    applies_to: Literal["usage", "invoice"] = "usage"
    renews: bool = False
    days: int | None = None


@dataclass(frozen=True)
class CustomerPlan:
    """One customer. tax_rate: a fraction, None for the seller's own.

    size: usage as a percentage of the product's average.  growth: per mille a month.  starts: (months after the first, day of the
    month).  hours_ahead: local time ahead of UTC.  pays_after: days from issue to payment, None for never.
    """

    slug: str
    name: str
    email: str
    street: str
    city: str
    zipcode: str
    country: str
    product: str
    size: int = 100
    growth: int = 120
    starts: tuple[int, int] = (0, 1)
    rhythm: Rhythm = "office"
    hours_ahead: int = 1
    tax_id: str = ""
    tax_rate: str | None = "0"
    pays_after: int | None = 9
    grants: tuple[GrantPlan, ...] = ()


METERS = (
    MeterPlan("llm_tokens", "Model tokens"),
    MeterPlan("api_calls", "Document calls"),
    MeterPlan("stored_bytes", "Stored data"),
    MeterPlan("streamed_bytes", "Streamed video"),
    MeterPlan("run_time", "GPU time"),
)

PRODUCTS = (
    ProductPlan(
        slug="developer",
        name="Developer",
        description="Models and document parsing for people who try things out.",
        currency="USD",
        fixed_price=1_900,
        prices=(PricePlan("llm_tokens", "0.0012", 500_000), PricePlan("api_calls", "2.5", 50)),
        daily_events={"llm_tokens": 9, "api_calls": 6},
    ),
    ProductPlan(
        slug="team",
        name="Team",
        description="Models, document parsing, storage and GPU time for a company's daily work.",
        currency="USD",
        fixed_price=9_900,
        prices=(
            PricePlan("llm_tokens", "0.0009", 2_000_000),
            PricePlan("api_calls", "1.75", 150),
            PricePlan("stored_bytes", "0.0000000023", 100_000_000_000),
            PricePlan("run_time", "0.0625", 3_600),
        ),
        daily_events={"llm_tokens": 18, "api_calls": 16, "stored_bytes": 2, "run_time": 5},
    ),
    ProductPlan(
        slug="scale",
        name="Scale",
        description="Everything, at volume prices in euros.",
        currency="EUR",
        fixed_price=49_000,
        prices=(
            PricePlan("llm_tokens", "0.0006", 10_000_000),
            PricePlan("api_calls", "0.85", 500),
            PricePlan("stored_bytes", "0.0000000019", 500_000_000_000),
            PricePlan("streamed_bytes", "0.0000000085", 250_000_000_000),
            PricePlan("run_time", "0.055", 36_000),
        ),
        daily_events={"llm_tokens": 36, "api_calls": 24, "stored_bytes": 3, "streamed_bytes": 22, "run_time": 11},
    ),
)

_LAUNCH_TOKENS = GrantPlan("Launch tokens", Decimal(10_000_000), blueprint="llm_tokens", days=90)
_INCLUDED_CALLS = GrantPlan("Included calls", Decimal(200), blueprint="api_calls", renews=True)
_WELCOME_USD = GrantPlan("Welcome credit", Decimal(5_000))
_MIGRATION_EUR = GrantPlan("Migration credit", Decimal(40_000), days=120)
_PREPAID_EUR = GrantPlan("Prepaid balance", Decimal(150_000), applies_to="invoice")
_PREPAID_USD = GrantPlan("Prepaid balance", Decimal(20_000), applies_to="invoice")

# Among them: a name in Devanagari, and names that spreadsheets take for formulas and browsers for tags.
CUSTOMERS = (
    CustomerPlan("nordlicht", "Nordlicht Robotik GmbH", "rechnung@nordlicht.example", "Am Sandtorkai 62", "Hamburg", "20457", "DE",
                 "scale", size=130, growth=160, tax_id="DE318204417", grants=(_MIGRATION_EUR,)),
    CustomerPlan("atelier-seine", "Atelier de la Seine SAS", "compta@atelier-seine.example", "18 rue des Tournelles", "Paris",
                 "75004", "FR", "scale", size=80, tax_id="FR40823614955", pays_after=24),
    CustomerPlan("vuelta", "Vuelta Medios S.L.", "facturas@vuelta.example", "Calle de Atocha 71", "Madrid", "28012", "ES", "scale",
                 size=150, growth=210, rhythm="leisure", tax_id="ESB86241907", grants=(_PREPAID_EUR,)),
    CustomerPlan("polder", "Polder & Zoon Uitgevers B.V.", "finance@polder.example", "Oudegracht 112", "Utrecht", "3511 AW", "NL",
                 "scale", size=70, growth=60, tax_id="NL820174635B01", tax_rate=None),
    CustomerPlan("49-logistik", "+49 Logistik GmbH", "ap@49-logistik.example", "Ruhrorter Straße 9", "Duisburg", "47059", "DE",
                 "scale", size=90, growth=110, tax_id="DE297713508"),
    CustomerPlan("minus20", "-20°C Cold Chain ApS", "regnskab@minus20.example", "Havnegade 4", "Esbjerg", "6700", "DK", "scale",
                 size=60, growth=90, starts=(1, 3), tax_id="DK38190426", pays_after=18),
    CustomerPlan("lodz", "Łódzka Pracownia Danych sp. z o.o.", "faktury@lpd.example", "ul. Piotrkowska 104", "Łódź", "90-926", "PL",
                 "scale", size=75, growth=180, tax_id="PL7252309811", grants=(_INCLUDED_CALLS,)),
    CustomerPlan("fjordkraft", "Fjordvind Energi AS", "faktura@fjordvind.example", "Strandgaten 18", "Bergen", "5013", "NO", "scale",
                 size=110, growth=80, starts=(0, 17), tax_id="NO918273645MVA"),
    CustomerPlan("tidal", "Tidal Forge Games, Inc.", "billing@tidalforge.example", "401 Congress Ave", "Austin", "78701", "US", "team",
                 size=170, growth=150, rhythm="leisure", hours_ahead=-6),
    CustomerPlan("akash", "आकाश डेटा प्राइवेट लिमिटेड", "accounts@akash-data.example", "14 Baner Road", "Pune", "411045", "IN", "team",
                 size=140, growth=260, hours_ahead=5, tax_id="27AAICA4821K1Z6", tax_rate="0.18", grants=(_LAUNCH_TOKENS,)),
    CustomerPlan("minato", "Minato Translation K.K.", "keiri@minato.example", "2-14-1 Kitanakadori", "Yokohama", "231-0003", "JP", "team",
                 size=120, growth=90, hours_ahead=9, tax_id="T5020001049382"),
    CustomerPlan("ohare", "O'Hare & Daughters Legal LLP", "ap@ohare-legal.example", "77 W Wacker Dr", "Chicago", "60601", "US",
                 "team", size=90, hours_ahead=-6, pays_after=28),
    CustomerPlan("quorum", "Quorum Health Partners", "payables@quorumhealth.example", "1180 Peachtree St NE", "Atlanta", "30309",
                 "US", "team", size=110, growth=70, hours_ahead=-5, grants=(_WELCOME_USD,)),
    CustomerPlan("saobento", "São Bento Saúde Ltda.", "financeiro@saobento.example", "Av. Paulista 1578", "São Paulo", "01310-200",
                 "BR", "team", size=85, growth=190, hours_ahead=-3, tax_id="31.402.877/0001-09"),
    CustomerPlan("equal", "=Equal Design Studio", "studio@equal.example", "34 Cuba Street", "Wellington", "6011", "NZ", "team",
                 size=55, hours_ahead=12, starts=(0, 12)),
    CustomerPlan("hearts", "<3 Hearts Hospice Trust", "accounts@3hearts.example", "12 Park Row", "Leeds", "LS1 5HD", "GB", "team",
                 size=45, growth=30, hours_ahead=0, tax_rate="0.2"),
    CustomerPlan("maple", "Maple Ridge Insurance Ltd.", "invoices@mapleridge.example", "200 Bay Street", "Toronto", "M5J 2J1", "CA",
                 "team", size=130, growth=100, hours_ahead=-5),
    CustomerPlan("kopje", "Kopje Analytics (Pty) Ltd", "finance@kopje.example", "85 Bree Street", "Cape Town", "8001", "ZA", "team",
                 size=75, growth=140, hours_ahead=2, starts=(0, 23), pays_after=None),
    CustomerPlan("harbour", "Harbourline Freight Pte. Ltd.", "ap@harbourline.example", "3 Church Street", "Singapore", "049483", "SG",
                 "team", size=100, growth=130, hours_ahead=8, tax_rate="0.09"),
    CustomerPlan("ember", "Ember & Oak Publishing", "royalties@emberoak.example", "9 Rosewood Lane", "Portland", "97205", "US", "team",
                 size=95, growth=0, hours_ahead=-8, pays_after=12),
    CustomerPlan("alpenwerk", "Alpenwerk Software AG", "buchhaltung@alpenwerk.example", "Bahnhofstrasse 33", "Zürich", "8001", "CH",
                 "team", size=115, growth=110, tax_id="CHE-284.119.730 MWST", starts=(1, 8)),
    CustomerPlan("athome", "@Home Therapeutics", "billing@athome.example", "250 Summer St", "Boston", "02210", "US", "team",
                 size=60, growth=240, hours_ahead=-5, starts=(1, 19), grants=(_WELCOME_USD, _INCLUDED_CALLS)),
    CustomerPlan("suomi", "Järvi Tietopalvelut Oy", "laskut@jarvi.example", "Hämeenkatu 21", "Tampere", "33200", "FI", "developer",
                 size=120, tax_id="FI27491830", hours_ahead=2),
    CustomerPlan("inkwell", "Inkwell Subtitles", "hello@inkwell.example", "61 Blackfriars Road", "London", "SE1 8HA", "GB",
                 "developer", size=140, rhythm="leisure", hours_ahead=0, tax_rate="0.2"),
    CustomerPlan("brisa", "Brisa Turismo, Lda.", "geral@brisa.example", "Rua da Prata 80", "Lisboa", "1100-420", "PT", "developer",
                 size=70, rhythm="leisure", hours_ahead=0, tax_id="PT513920684"),
    CustomerPlan("kiln", "Kiln Ceramics Marketplace", "ops@kiln.example", "1420 Pearl St", "Boulder", "80302", "US", "developer",
                 size=80, growth=300, hours_ahead=-7, rhythm="leisure"),
    CustomerPlan("tallinn", "Vaikne Meri OÜ", "arved@vaikne.example", "Pärnu mnt 22", "Tallinn", "10141", "EE", "developer",
                 size=110, growth=170, hours_ahead=2, tax_id="EE101948273"),
    CustomerPlan("banyan", "Banyan Tutors", "admin@banyan.example", "27 Church Street", "Bengaluru", "560001", "IN", "developer",
                 size=160, growth=220, hours_ahead=5, tax_rate="0.18"),
    CustomerPlan("meridiana", "Meridiana Viaggi S.r.l.", "fatture@meridiana.example", "Via Toledo 256", "Napoli", "80134", "IT",
                 "developer", size=60, tax_id="IT07812640631"),
    CustomerPlan("ostrava", "Ostravská kartografie s.r.o.", "faktury@ostrakart.example", "Stodolní 14", "Ostrava", "702 00", "CZ",
                 "developer", size=90, tax_id="CZ28640173"),
    CustomerPlan("seoul", "Hanbit Software Co., Ltd.", "tax@hanbit.example", "14 Teheran-ro", "Seoul", "06234", "KR", "developer", size=150,
                 growth=130, hours_ahead=9),
    CustomerPlan("nairobi", "Jua Kali Metrics", "pay@juakali.example", "Kimathi Street 5", "Nairobi", "00100", "KE", "developer",
                 size=75, growth=200, hours_ahead=3),
    CustomerPlan("liesbeth", "Liesbeth de Wit, vertaler", "liesbeth@dewit.example", "Lange Haven 12", "Schiedam", "3111 CE", "NL",
                 "developer", size=35, growth=20, tax_rate=None),
    CustomerPlan("gravity", "Zero Gravity Fitness", "zero@gravityfit.example", "88 Queen Street", "Melbourne", "3000", "AU",
                 "developer", size=65, hours_ahead=10, rhythm="leisure", starts=(0, 31), tax_rate="0.1"),
    CustomerPlan("tartan", "Tartan Telemetry", "accounts@tartantel.example", "5 George Street", "Edinburgh", "EH2 2PF", "GB",
                 "developer", size=105, growth=90, hours_ahead=0, tax_rate="0.2"),
    CustomerPlan("cobalt", "Cobalt Street Media", "team@cobaltstreet.example", "930 Valencia St", "San Francisco", "94110", "US",
                 "developer", size=95, hours_ahead=-8, grants=(_PREPAID_USD,)),
    CustomerPlan("anatolia", "Anadolu Veri A.Ş.", "muhasebe@anadoluveri.example", "Bağdat Cad. 301", "İstanbul", "34728", "TR",
                 "developer", size=85, hours_ahead=3, starts=(1, 1)),
    CustomerPlan("wren", "Wren Podcasts", "wren@wrenpods.example", "17 Stokes Croft", "Bristol", "BS1 3QY", "GB", "developer",
                 size=50, hours_ahead=0, rhythm="leisure", starts=(2, 1), tax_rate="0.2"),
    CustomerPlan("rioplata", "Río de la Plata Mapas", "pagos@rdpmapas.example", "Defensa 892", "Buenos Aires", "C1065", "AR",
                 "developer", size=80, growth=160, hours_ahead=-3, starts=(2, 14)),
    CustomerPlan("lantern", "Lantern Newsroom", "desk@lanternnews.example", "44 Long Street", "Dublin", "D02 X285", "IE", "developer",
                 size=90, growth=110, hours_ahead=0, starts=(3, 1), tax_id="IE3641897TH"),
)  # fmt: skip

SPIKE_SLUG = "tidal"  # releases a game in the third month
CHURNED_SLUG = "ember"  # uses less and less, and leaves in the second month
EDGE_SLUG = "49-logistik"  # its lorries are out of reach for days, and send what they counted when they are back
STRANGER_SLUG = "staging"  # no customer: a test system that posts to the wrong place
MISNAMED_SLUG = "kiln"  # ships a release that writes the event's name in capitals, for one day of the third month

PRODUCT_BY_SLUG: Mapping[str, ProductPlan] = {product.slug: product for product in PRODUCTS}
