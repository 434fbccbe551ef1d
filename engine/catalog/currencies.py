"""Currencies as shops write them: ISO 4217 codes, and signs with the code where it is certain."""

_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
    UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL BTC ETH USDT
"""
CODES = frozenset(_CODES.split())
THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies with thousandths: KWD 1.299 is less than two dinars."""

_SIGNS = {
    "AED": "د.إ dh dhs dirham",
    "AUD": "A$ AU$ AUD$",
    "BRL": "R$ reais",
    "CAD": "C$ CA$ CAD$ CDN$",
    "CHF": "SFr Fr Fr. sFr.",
    "CNY": "元 人民币 RMB CN¥",
    "COP": "COL$ COP$",
    "CLP": "CLP$",
    "CRC": "₡",
    "CZK": "Kč",
    "DOP": "RD$",
    "EUR": "€ euro euros",
    "GBP": "£",
    "GEL": "₾ ლ",
    "GHS": "₵ GH₵",
    "HKD": "HK$",
    "HUF": "Ft",
    "IDR": "Rp Rp.",
    "ILS": "₪ NIS ש״ח",
    "INR": "₹ Rs Rs. ₨",
    "JPY": "円 JP¥ yen",
    "KES": "KSh",
    "KRW": "₩ 원 ￦",
    "KZT": "₸",
    "MXN": "MX$ Mex$",
    "MYR": "RM",
    "NGN": "₦",
    "NZD": "NZ$",
    "PEN": "S/ S/.",
    "PHP": "₱",
    "PLN": "zł zl",
    "PYG": "₲",
    "RON": "lei",
    "RUB": "₽ руб руб. р.",
    "SAR": "ر.س ﷼",
    "SGD": "S$",
    "THB": "฿ บาท",
    "TRY": "₺ TL",
    "TWD": "NT$",
    "UAH": "₴ грн грн.",
    "USD": "US$ USD$ U$S U.S.$ dollars",
    "UYU": "$U",
    "VND": "₫ đ VNĐ",
    "ZAR": "R",
}
_SHARED_SIGNS = "$ ＄ ¥ ￥ kr kr. Kr din leu"
"""Signs of several currencies: which one is not said."""

_BY_SIGN = (
    {code: code for code in CODES}
    | {sign: code for code, signs in _SIGNS.items() for sign in signs.split()}
    | {sign: sign.rstrip(".").lower() for sign in _SHARED_SIGNS.split()}
    | {"＄": "$", "￥": "¥"}
)
# One letter is a currency only as written: "R 499", never "r".
_BY_LOWER_SIGN = {sign.lower(): code for sign, code in _BY_SIGN.items() if len(sign) > 1 or not sign.isalpha()}


def find_currency(sign: str) -> str | None:
    """Return the ISO code of a currency as written, its sign if several have it ("$", "¥", "kr"), None if unknown."""
    short = sign.rstrip(".")
    return _BY_SIGN.get(sign) or _BY_SIGN.get(short) or _BY_LOWER_SIGN.get(short.lower())
