"""Numbers, sizes and times as each language writes them. Times are aware datetimes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from babel.units import format_unit

from hub_server.web.translation import Catalog, Language, mark

# The interface writes British English, so its dates do too.
LOCALES: dict[Language, str] = {"en": "en_GB", "fr": "fr", "ko": "ko"}
UNITS = ("byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte")
STEP = 1000
MONTH = timedelta(days=30)
JUST_NOW = mark("just now")


def number_in(language: Language, value: int) -> str:
    return str(format_decimal(value, locale=LOCALES[language]))


@cache
def _languages(locale: str) -> Mapping[str, str]:
    return dict(Locale.parse(locale).languages)


@dataclass(frozen=True)
class Formats:
    """The filters of the templates in one language."""

    catalog: Catalog

    @property
    def locale(self) -> str:
        return LOCALES[self.catalog.language]

    def number(self, value: float) -> str:
        if isinstance(value, int) and 0 <= value < STEP:
            return str(value)  # as every language writes it, and lists write it often
        return str(format_decimal(value, locale=self.locale))

    def compact(self, value: int) -> str:
        """1.3K where a column is compared; put the exact number into `title`."""
        if value < STEP:
            return self.number(value)
        return format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def parameters(self, value: int) -> str:
        """110M is a word of the trade in every language."""
        return format_compact_decimal(value, locale="en", fraction_digits=1)

    def percent(self, value: float) -> str:
        return str(format_percent(value, "#,##0.#%", locale=self.locale))

    def size(self, value: int) -> str:
        """Bytes in decimal units with three figures: 829 B, 4.63 kB, 433 MB."""
        step, amount = 0, float(value)
        while round(amount) >= STEP and step < len(UNITS) - 1:
            step, amount = step + 1, amount / STEP
        pattern = "#,##0" if step == 0 else "@##"
        text = format_unit(amount, UNITS[step], "short", format=pattern, locale=self.locale)
        # Babel's short byte is the whole word in English and Korean.
        return text.replace("byte", "B")

    def day(self, moment: datetime) -> str:
        return str(format_date(moment, "long", locale=self.locale))

    def moment(self, moment: datetime) -> str:
        """Day and time in UTC, for titles; the browser turns it into its own zone."""
        text = format_datetime(
            moment.astimezone(UTC),
            "d MMMM y HH:mm" if self.catalog.language != "ko" else "y년 M월 d일 HH:mm",
            locale=self.locale,
        )
        return f"{text} UTC"

    def ago(self, moment: datetime, now: datetime | None = None) -> str:
        """Relative up to a month either way, then the day."""
        apart = moment - (now or datetime.now(UTC))
        if abs(apart) > MONTH:
            return self.day(moment)
        if abs(apart) < timedelta(seconds=45):
            return self.catalog.text(JUST_NOW)
        return str(format_timedelta(apart, add_direction=True, threshold=0.9, locale=self.locale))

    def language_name(self, code: str) -> str:
        """`fr` as a word, capitalized as a label; the code itself when nobody has a name for it."""
        name = _languages(self.locale).get(code.lower().replace("-", "_"))
        return name[:1].upper() + name[1:] if name else code
