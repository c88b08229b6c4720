"""Units of measure, currencies and magnitudes, as they stand before or behind a number.

Units of one dimension have known factors between them; two currencies have none. A table of its own
and no library: what decides here are spellings and scripts (Lac, 만, Mrd, sq. ft.) and letters with
several meanings (m: metre, million, minute), of which libraries of units know little.
"""

import functools
import re
from typing import NamedTuple

NUMBER, SHARE, RATE, TIME = "number", "share", "rate", "time"


class Meaning(NamedTuple):
    """What a spelling may stand for.

    Attributes:
        dimension: Such as mass; a currency or an unknown unit is a dimension by itself.
        unit: Its usual name.
        factor: One of this unit, in the dimension's first unit.
        offset: Value of 0 of this unit, in the dimension's first unit.
    """

    dimension: str
    unit: str
    factor: float
    offset: float = 0.0


# Dimension -> unit -> factor and other spellings, in lower case without spaces and points. Factors
# by NIST Special Publication 811; a month and a year are those of the Gregorian mean.
_UNITS: dict[str, dict[str, tuple[float, str]]] = {
    "mass": {
        "kg": (1, "kgs kilo kilos kilogram kilograms kilogramm 킬로 킬로그램 公斤 千克 кг"),
        "g": (1e-3, "gr gram grams gramm 그램 克"),
        "mg": (1e-6, "milligram milligrams"),
        "t": (1000, "tonne tonnes tonnen 톤"),
        "lb": (0.45359237, "lbs pound pounds 파운드 磅"),
        "oz": (0.028349523125, "ounce ounces 온스"),
        "st": (6.35029318, "stone"),
    },
    "length": {
        "m": (1, "metre metres meter meters 미터 米 メートル м"),
        "cm": (0.01, "cms centimetre centimetres centimeter centimeters 센티 센티미터 厘米"),
        "mm": (0.001, "millimetre millimetres millimeter millimeters 밀리미터 毫米"),
        "km": (1000, "kms kilometre kilometres kilometer kilometers 킬로미터 公里 км"),
        "in": (0.0254, "inch inches zoll 인치 英寸 \" ″ ” ''"),
        "ft": (0.3048, "foot feet 피트 ' ′ ’"),
        "yd": (0.9144, "yard yards"),
        "mi": (1609.344, "mile miles meile meilen 마일"),
    },
    NUMBER: {
        "thousand": (1e3, "tsd thousands tausend 천 千 тыс"),
        "만": (1e4, "万 萬"),
        "lakh": (1e5, "lac lacs lakhs"),
        "million": (1e6, "mn mm mio mill millions millionen millones 백만 百万 млн"),
        "crore": (1e7, "cr crores 천만 千万"),
        "억": (1e8, "亿 億"),
        "billion": (1e9, "bn bln mrd milliarde milliarden milliard billions 십억 млрд"),
        "trillion": (1e12, "tn trillions billionen 조 兆"),
    },
    TIME: {
        "s": (1, "sec secs second seconds sek sekunde sekunden 초 秒"),
        "ms": (0.001, "millisecond milliseconds"),
        "min": (60, "mins minute minutes minuten 분 分 分钟"),
        "h": (3600, "hr hrs hour hours std stunde stunden 시간 小时 時間 :"),
        "d": (86400, "day days tag tage jour jours 일 天 日"),
        "wk": (604800, "wks week weeks woche wochen 주 周 週"),
        "mo": (2629746, "mos month months monat monate mois 개월"),
        "yr": (31556952, "yrs year years jahr jahre ans 년 年"),
    },
    "area": {
        "m²": (1, "m2 sqm sqmeter sqmetre sqmeters sqmetres qm ㎡ 평방미터 제곱미터 平米"),
        "ft²": (0.09290304, "ft2 sqft sqfeet sqfoot"),
        "yd²": (0.83612736, "yd2 sqyd sqyards sqyard gaj"),
        "km²": (1e6, "km2 sqkm"),
        "ha": (1e4, "hectare hectares hektar 헥타르"),
        "acre": (4046.8564224, "acres"),
        "평": (400 / 121, "坪 pyeong"),
    },
    "volume": {
        "l": (1, "liter liters litre litres ltr 리터 升"),
        "ml": (0.001, "cc ccm cm³ cm3"),
        "cl": (0.01, ""),
        "dl": (0.1, ""),
        "gal": (3.785411784, "gallon gallons"),
        "m³": (1000, "m3 cbm"),
    },
    "temperature": {
        "°C": (1, "℃ ºc degc celsius"),
        "°F": (5 / 9, "℉ ºf degf fahrenheit"),
        "K": (1, "°k kelvin"),
    },
    "data": {
        "B": (1, "byte bytes"),
        "kB": (1e3, "kb"),
        "MB": (1e6, "mb"),
        "GB": (1e9, "gb"),
        "TB": (1e12, "tb"),
        "KiB": (1024, "kib"),
        "MiB": (1024**2, "mib"),
        "GiB": (1024**3, "gib"),
    },
    "speed": {
        "km/h": (1, "kmh kph kmph km/hr"),
        "mph": (1.609344, "mi/h"),
        "m/s": (3.6, "mps"),
        "kn": (1.852, "kt kts knot knots"),
    },
    "power": {
        "W": (1, "watt watts"),
        "kW": (1e3, "kw"),
        "MW": (1e6, ""),
        "hp": (745.69987158227022, "bhp"),
        "PS": (735.49875, "ps cv"),
    },
    "energy": {
        "J": (1, "joule joules"),
        "kJ": (1e3, "kj"),
        "cal": (4.184, "calories"),
        "kcal": (4184, "kilocalories"),
        "Wh": (3600, "wh"),
        "kWh": (3.6e6, "kwh"),
    },
    SHARE: {
        "share": (1, ""),
        "%": (0.01, "％ percent pct prozent 퍼센트 프로"),
        "‰": (0.001, "promille"),
        "bps": (1e-4, "bp"),
    },
}  # fmt: skip
_OFFSETS = {"°F": -160 / 9, "K": -273.15}
# Single letters count as they are written, and what they stand for first is what is likelier.
_LETTERS: dict[str, tuple[tuple[str, str], ...]] = {
    "m": (("length", "m"), (NUMBER, "million"), (TIME, "min")),
    "M": ((NUMBER, "million"),),
    "k": ((NUMBER, "thousand"),),
    "K": ((NUMBER, "thousand"), ("temperature", "K")),
    "b": ((NUMBER, "billion"),),
    "B": ((NUMBER, "billion"), ("data", "B")),
    "t": (("mass", "t"),),
    "T": ((NUMBER, "trillion"), ("mass", "t")),
    "L": (("volume", "l"), (NUMBER, "lakh")),
    "C": (("temperature", "°C"),),
    "F": (("temperature", "°F"),),
    "D": ((TIME, "d"),),
    "H": ((TIME, "h"),),
    "S": ((TIME, "s"),),
    "w": ((TIME, "wk"),),
    "y": ((TIME, "yr"),),
    "MM": ((NUMBER, "million"),),
    "mm": (("length", "mm"), (NUMBER, "million")),
}
_CURRENCIES = {
    "€": "eur euro euros 유로",
    "$": "usd us$ dollar dollars 달러 美元",
    "£": "gbp sterling",
    "¥": "jpy 円 엔",
    "CNY": "rmb 元 cn¥",
    "₩": "krw 원 won",
    "₹": "inr rs rupee rupees",
    "₽": "rub руб",
    "CHF": "sfr fr",
    "₺": "tl",
    "฿": "thb baht",
    "₫": "vnd đ",
    "zł": "pln",
    "kr": "sek nok dkk",
    "R$": "brl",
    "A$": "aud au$",
    "C$": "cad ca$",
    "HK$": "hkd",
    "S$": "sgd",
    "NT$": "twd",
}
# Of a height such as 5'11 or 1m80, and of a time such as 2h30: the unit that the last number has.
NEXT_LOWER = {"ft": "in", "h": "min", "min": "s", "m": "cm"}


# What is a unit as the last word of a column's name, without brackets.
_LAST_WORDS = "kg|lbs?|oz|cm|mm|km|ft|ml|mph|kmh|kw|kwh|mb|gb|sqft|sqm|eur|usd|gbp|krw|inr|jpy"
# Before a number; R$, US$ and the like are symbols with letters.
MONEY = (
    r"(?:[A-Z]{0,3}[$€£¥₩₹₽₺฿₫]|EUR|USD|GBP|JPY|RMB|CNY|KRW|INR|RUB|CHF|TRY|THB|VND|PLN|SEK|NOK|DKK"
    r"|BRL|AUD|CAD|HKD|SGD|TWD|Rs\.?|kr\.?|Fr\.?)"
)


def _plain(spelling: str) -> str:
    """Return a spelling as the tables have it: sqft for Sq. Ft."""
    return re.sub(r"[\s.^]", "", spelling.casefold()).replace("square", "sq")


def _known() -> dict[str, tuple[Meaning, ...]]:
    found: dict[str, tuple[Meaning, ...]] = {}
    every = [
        (dimension, unit, factor, others)
        for dimension, its_units in _UNITS.items()
        for unit, (factor, others) in its_units.items()
    ]
    every += [(unit, unit, 1.0, others) for unit, others in _CURRENCIES.items()]
    for dimension, unit, factor, others in every:
        meaning = Meaning(dimension, unit, factor, _OFFSETS.get(unit, 0.0))
        for spelling in {unit, _plain(unit), *others.split()} - {*_LETTERS}:
            found[spelling] = (*found.get(spelling, ()), meaning)
    for spelling, pairs in _LETTERS.items():
        found[spelling] = tuple(
            Meaning(dimension, unit, _UNITS[dimension][unit][0], _OFFSETS.get(unit, 0.0))
            for dimension, unit in pairs
        )
    return found


_KNOWN = _known()
_MAGNITUDES = {
    word: one for word, found in _KNOWN.items() for one in found if one.dimension == NUMBER
}
_MAGNITUDE = re.compile(
    "|".join(
        rf"{re.escape(word)}\.?(?=\s|{MONEY})" if word.isascii() else re.escape(word)
        for word in sorted(_MAGNITUDES, key=len, reverse=True)
    )
)


@functools.lru_cache(maxsize=4096)
def meanings(before: str, after: str) -> tuple[Meaning, ...]:
    """Return what may be meant by the text before and behind a number, the likelier first.

    Args:
        before: A currency, or nothing.
        after: A unit, a magnitude, both, /5 of a rate, or nothing.

    Returns:
        One or several meanings; for no text at all, one with an empty dimension.
    """
    found = _after(after.strip())
    if not before:
        return found
    symbol = before.strip()
    money = _KNOWN.get(_plain(symbol), (Meaning(symbol, symbol, 1.0),))[0]
    counted = tuple(
        money._replace(factor=one.factor)
        for one in found
        if one.dimension in ("", NUMBER, money.dimension)
    )
    rest = after.strip().removesuffix(".")
    return counted or (Meaning(f"{money.unit} {rest}", f"{money.unit} {rest}", 1.0),)


def _after(text: str) -> tuple[Meaning, ...]:
    if not text:
        return (Meaning("", "", 1.0),)
    if rate := re.fullmatch(r"/(\d+)", text):
        return (Meaning(RATE, text, 1 / int(rate[1])),)
    is_letter = len(text) == 1 and text.isascii() and text.isalpha()
    if known := _KNOWN.get(text) or (not is_letter and _KNOWN.get(_plain(text))):
        return known
    magnitude = _MAGNITUDE.match(text) or _MAGNITUDE.match(text.lower())
    if magnitude and (rest := text[magnitude.end() :].strip()):
        factor = _MAGNITUDES[magnitude[0].removesuffix(".")].factor
        return tuple(one._replace(factor=one.factor * factor) for one in _after(rest))
    name = text.removesuffix(".")
    if len(name) > 3 and name.isascii():
        name = name.removesuffix("s")  # 1 room, 2 rooms
    return (Meaning(name, name, 1.0),)


def is_counted(dimension: str) -> bool:
    """Return whether magnitudes without a unit go with it: with numbers, money, views or rooms."""
    return dimension == NUMBER or (dimension not in _UNITS and dimension != RATE)


def is_currency(dimension: str) -> bool:
    """Return whether a dimension is a currency of the table."""
    return dimension in _CURRENCIES


def is_known(dimension: str) -> bool:
    """Return whether a dimension is one of the tables."""
    return dimension in _UNITS or dimension == RATE or is_currency(dimension)


def base(dimension: str, unit: str) -> Meaning:
    """Return a unit of a dimension by its name."""
    found = (one for one in meanings("", unit) if one.dimension == dimension)
    return next(found, Meaning(dimension, unit, 1.0))


def of_cell(text: str) -> Meaning | None:
    """Return the unit that a cell of a row of units names, such as kg or °C; None for others."""
    measures = (one for one in meanings("", text.strip()) if one.dimension != NUMBER)
    return next((one for one in measures if is_known(one.dimension)), None)


def of_name(column: str) -> Meaning | None:
    """Return the unit that a column's name ends in, such as weight (kg), height_cm, 금액(만원)."""
    bracketed = re.search(r"[(\[]\s*([^()\[\]]+?)\s*[)\]]\s*$", column)
    last = re.search(rf"[_ ]({_LAST_WORDS})$", column, re.IGNORECASE)
    if not (found := bracketed or last):
        return None
    text = found[1]
    meant = meanings("", text)
    is_letter = len(text) == 1 and text.isalpha() and text.isascii()
    if is_letter or len(meant) > 1 or not is_known(meant[0].dimension):
        return None
    return meant[0] if meant[0].dimension in _UNITS else meant[0]._replace(unit=text)
