"""The letters outside ASCII that languages use, and the encodings that programs save these languages in.

The letters tell encodings of one byte per character apart: "cafй" and "cafĂ©" have letters of no language.
"""

# Each row is a language: its frequent letters, a bar, the rest. The last row of an area is its languages mixed.
_WESTERN = (
    "äöüß",  # German
    "éèàêçâîôùûëïœæ",  # French
    "óíáéñúü",  # Spanish
    "ãçáéíóêõâúàôü",  # Portuguese
    "àèéìòùóíîú",  # Italian
    "ëéïèöüóá",  # Dutch
    "äåöé",  # Swedish, Finnish
    "åøæéòô",  # Danish, Norwegian
    "áéíóúæö|ýðþ",  # Icelandic
    "àçèéíïòóúü",  # Catalan
    "|äöüßéèàêçâîôùûëïœæóíáñúãõåøìò",
)
_CENTRAL = (
    "łąęóżśćńź",  # Polish
    "íáěéřýžčšůúťďňó",  # Czech
    "áíéžčšýúťľôňäóďĺŕ",  # Slovak
    "áéöóőüíúű",  # Hungarian
    "ăîşţâșț",  # Romanian
    "čšžćđ",  # Croatian, Slovene
    "|łąęóżśćńźíáěéřýžčšůúťďňäöüßőű",
)
_TURKISH = ("ıüşöçğâîû",)
_BALTIC = ("ėšųžūąįčę", "āīēšņļūžčģķ", "äõüöšž")  # Lithuanian, Latvian, Estonian
_VIETNAMESE = ("đêươôâăáàãèéìíòóõùúý\u0300\u0301\u0303\u0309\u0323",)
_CYRILLIC = (
    "оеаинтсрвлкм|дпуяыьгзбчйхжшюцщэфъё",  # Russian, Bulgarian
    "оанівитресл|кудмпязьбгйчхцїжюєшщфґ",  # Ukrainian
    "аіонеялрксту|вдмпзыьбгчўхжцюйшэфё",  # Belarusian
    "аиоенрстујкв|дмплзгбчшцњжљхћђфџ",  # Serbian
    "аоеитнрсвдкл|пмуїјзгбчшцжѓќљњџхфѕ",  # Macedonian
)
_GREEK = ("ατοιενρσκηπς|υμλίόάγέδήωχθύφβξζώψϊΐϋΰ",)
_HEBREW = ("יוהלרבתמאשנעדקחפסכגטצז|םןךףץ",)
_ARABIC = ("اليمونرتبةعد|سفهكقأحجشطصىخإذضزغثءئظؤآ", "اردنهومتبسلک|شزفگعخقجآپحطصیضذظثغچئژيكىء")
_THAI = ("านรอกเงมยลวด|ทสตะปบคหแจพชขใไโผซธณฐฎฏฑฒญฝฟภษศฬฮฉฌฆฤฦๆฯ่้๊๋์ิีึืุูั็ำๅ",)

ALPHABETS = {
    "cp1252": _WESTERN,
    "iso8859-15": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1251": _CYRILLIC,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "cp1253": _GREEK,
    "iso8859-7": _GREEK,
    "cp1255": _HEBREW,
    "cp1256": _ARABIC,
    "cp874": _THAI,
    "cp1258": _VIETNAMESE,
    "koi8-r": _CYRILLIC,
    "koi8-u": _CYRILLIC,
    "iso8859-5": _CYRILLIC,
    "mac-roman": _WESTERN,
    "mac-cyrillic": _CYRILLIC,
    "cp850": _WESTERN,
    "cp852": _CENTRAL,
    "cp866": _CYRILLIC,
}
"""Languages by encoding of one byte per character, likely encodings first."""

LATIN = frozenset(
    name for name, languages in ALPHABETS.items() if languages in (_WESTERN, _CENTRAL, _TURKISH, _BALTIC, _VIETNAMESE)
)
"""Encodings whose words mix these letters with those of ASCII."""

FINAL = frozenset("ςםןךףץ")
"""Letters that only end a word."""

KOREAN = (
    "이다의는에가을를고하지도인기사리로아어서한자시스대일보해전정장부수나주원은면도그라제만성용상구여들동과모선물게안비오호내화"
    "소세신마식색방무간조미국공절건강트중천유치매드우티셔츠컵머그핸백가죽목탁반팔린양겨울도자기빨파검흰노초분홍갈회"
)
CHINESE = (
    "的一是不了在人有我他这這个個们們中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着下自之年过過发發"
    "后後作里用道行所然家种種事成方多经經么去法学學如都同现現当當没動动面起看定天分还還进進好小部其些主样樣理心本前开開"
    "红紅蓝藍绿綠白黑黄黃色杯包鞋衣裤褲裙帽巾桌椅床灯燈木皮棉羊毛手工女男童儿兒套装裝新款短袖长長恤纯純陶瓷玻璃真实實深浅提适適合使克"
)
