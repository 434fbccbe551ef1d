"""Product titles in many languages, with the encodings that shops' programs save them in."""

TITLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "German": (
        ("cp1252", "cp850", "mac-roman"),
        (
            "Müsli-Schüssel aus Steingut, weiß",
            "Küchenstühle, 4 Stück, grün",
            "Gartenmöbel-Set „Süden“ für draußen",
            "Hängematte, 200 × 150 cm",
            "Kaffeemühle mit Mahlwerk – für Espresso",
            "Wärmflasche in Größe L, 19,99 €",
        ),
    ),
    "French": (
        ("cp1252", "mac-roman"),
        (
            "Théière en céramique émaillée",
            "Écharpe à carreaux, très douce",
            "Chaise d’extérieur pliante, hêtre",
            "Crème brûlée : moule à soufflé",
            "Où ranger vos vêtements ? Boîte à chaussures",
            "Sac à main en cuir façonné, 49 €",
        ),
    ),
    "Spanish": (
        ("cp1252", "mac-roman"),
        (
            "Cafetera eléctrica para niños pequeños",
            "Sillón de jardín, tamaño único",
            "Pañuelo de algodón con diseño español",
            "¡Oferta! Lámpara de pie",
            "Cinturón marrón de piel",
        ),
    ),
    "Portuguese": (
        ("cp1252", "mac-roman"),
        (
            "Calção de algodão para crianças",
            "Relógio de pulso, pulseira de aço",
            "Edredão de verão, dimensões grandes",
            "Chávena de porcelana à mão",
            "Sapatos confortáveis, coleção de outono",
        ),
    ),
    "Italian": (
        ("cp1252",),
        (
            "Tazza da caffè, qualità superiore",
            "Felpa con cappuccio, più colori",
            "Lampada a LED, elettricità inclusa",
            "Novità: tè verde biologico",
        ),
    ),
    "Swedish": (
        ("cp1252", "mac-roman"),
        (
            "Kaffebryggare för två, rostfritt stål",
            "Träbord med lådor, björk",
            "Påslakan i ekologisk bomull, blå",
            "Gräsklippare på hjul",
        ),
    ),
    "Danish": (
        ("cp1252",),
        (
            "Børnestol i bøgetræ",
            "Strikket trøje, mørkeblå",
            "Køkkenkniv af rustfrit stål",
        ),
    ),
    "Polish": (
        ("cp1250", "iso8859-2"),
        (
            "Łóżko drewniane z materacem",
            "Krzesło ogrodowe, żółte",
            "Kubek ceramiczny na kawę, pojemność 350 ml",
            "Świeca zapachowa z wosku pszczelego",
            "Sukienka dziewczęca w kwiaty, różowa",
            "Szklanki do wody – zestaw sześciu sztuk",
        ),
    ),
    "Czech": (
        ("cp1250", "iso8859-2"),
        (
            "Červená židle do kuchyně",
            "Dětské tričko s krátkým rukávem",
            "Skříň na šaty, světlý dub",
            "Hrneček na čaj, růžový",
            "Dřevěný stůl pro šest osob",
        ),
    ),
    "Hungarian": (
        ("cp1250",),
        (
            "Női kötött pulóver, sötétkék",
            "Tűzálló üvegtál fedővel",
            "Kerti bútor, négy székkel",
            "Bőr öv férfiaknak",
        ),
    ),
    "Romanian": (
        ("cp1250",),
        (
            "Cană din ceramică roşie",
            "Masă de bucătărie din lemn",
            "Cămaşă bărbătească din bumbac",
            "Încălţăminte pentru copii",
        ),
    ),
    "Turkish": (
        ("cp1254",),
        (
            "Kırmızı seramik kupa",
            "Ahşap masa ve sandalye takımı",
            "Çocuk ayakkabısı, yumuşak taban",
            "Gümüş kolye, özel tasarım",
        ),
    ),
    "Lithuanian": (
        ("cp1257",),
        (
            "Raudonas keraminis puodelis šeimai",
            "Vaikiški marškinėliai su užtrauktuku",
            "Medinė kėdė, ąžuolas",
        ),
    ),
    "Russian": (
        ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic"),
        (
            "Красная керамическая кружка",
            "Деревянный стол для кухни",
            "Детская футболка с рисунком",
            "Шерстяной шарф, синий",
            "Кожаная сумка «Ладья» — ручная работа",
        ),
    ),
    "Ukrainian": (
        ("cp1251",),
        (
            "Червона керамічна чашка",
            "Дерев'яний стіл для їдальні",
            "Дитяча футболка з малюнком, жовта",
        ),
    ),
    "Greek": (
        ("cp1253", "iso8859-7"),
        (
            "Κόκκινη κεραμική κούπα",
            "Ξύλινο τραπέζι κουζίνας",
            "Παιδικό μπλουζάκι με σχέδιο",
        ),
    ),
    "Hebrew": (
        ("cp1255",),
        (
            "ספל קרמיקה אדום",
            "שולחן עץ למטבח",
            "חולצת ילדים עם הדפס",
        ),
    ),
    "Arabic": (
        ("cp1256",),
        (
            "كوب سيراميك أحمر",
            "طاولة مطبخ خشبية",
            "قميص أطفال قطني",
        ),
    ),
    "Thai": (
        ("cp874",),
        (
            "แก้วเซรามิกสีแดง",
            "โต๊ะไม้สำหรับห้องครัว",
            "เสื้อยืดเด็ก",
        ),
    ),
    "Japanese": (
        ("cp932", "euc_jp"),
        (
            "赤い陶器のマグカップ",
            "木製ダイニングテーブル(4人用)",
            "綿100%のTシャツ、青",
            "革製ハンドバッグ 手作り",
            "冬用ウールマフラー",
        ),
    ),
    "simplified Chinese": (
        ("gb18030",),
        (
            "红色陶瓷马克杯",
            "实木餐桌,适合四人使用",
            "纯棉儿童短袖T恤",
            "手工真皮女士手提包",
            "羊毛围巾 深蓝色",
        ),
    ),
    "traditional Chinese": (
        ("cp950",),
        (
            "紅色陶瓷馬克杯",
            "實木餐桌，適合四人使用",
            "純棉兒童短袖T恤",
            "手工真皮女用手提包",
            "羊毛圍巾 深藍色",
        ),
    ),
    "Korean": (
        ("cp949",),
        (
            "빨간색 도자기 머그컵",
            "원목 식탁 4인용",
            "어린이 면 반팔 티셔츠",
            "수제 가죽 핸드백",
            "겨울용 양모 목도리",
        ),
    ),
}
