"""Common words of product titles, and what products are for: what a title's capitals hide, and a last sentence.

A purpose is what a thing is by definition ("a wallet is for cards and cash"), so it claims nothing of one product.
"""

import re

# "{it}" stands for the product; the choices are parted by "/".
PURPOSES: dict[str, tuple[str, ...]] = {
    noun: tuple(sentences.split(" / "))
    for line in """
    shirt, tshirt, t-shirt, tee, top, polo, blouse, tunic: Wear {it} alone or under another layer. / Wear {it} alone or layer {it} with something warm.
    kurta, kurti: Wear {it} with the bottoms and footwear of your choice. / Combine {it} with the bottoms you like best.
    dress, skirt: Wear {it} alone or with a light layer over {it}. / Combine {it} with the footwear you like best.
    jeans, trousers, pants, chinos, capris, leggings, trouser: Combine {it} with the pieces you like best. / Wear {it} with whatever suits the day.
    shorts, track pants, tracksuits, joggers: Wear {it} on active days or at home. / Wear {it} for exercise or for time at home.
    sweater, sweatshirt, cardigan, pullover, hoodie, jacket, coat: Wear {it} as an extra layer on cooler days. / Put {it} on when the day turns cool.
    vest, brief, briefs, trunk, bra, boxers, underwear: Wear {it} as a base layer every day. / Wear {it} every day, next to your skin.
    socks, stockings: Wear {it} with the footwear of the day. / Wear {it} with the footwear you like best.
    casual shoes, sneakers, flats, loafers, shoes: Wear {it} when you walk, meet friends or run errands. / Slip {it} on and start the day.
    sports shoes, running shoes: Wear {it} for training and for long walks. / Lace {it} up for training or a brisk walk.
    formal shoes: Wear {it} to the office or to a dressed-up evening. / Wear {it} with office or evening outfits.
    heels: Wear {it} with outfits that call for some height. / Wear {it} when an outfit calls for some height.
    sandals, flip flops, slippers, sports sandals: Slip {it} on when the weather is warm. / Slip {it} on and off as you please.
    watch: Wear {it} on your wrist to keep track of time. / Keep track of time with a glance at your wrist.
    sunglasses: Put {it} on in bright light. / Wear {it} to shade your eyes in bright light.
    belt: Wear {it} to finish an outfit. / Use {it} to finish an outfit.
    wallet: Use {it} to keep cards and cash together. / Keep your cards and cash together in {it}.
    clutch, handbag, bag, purse: Use {it} to carry your daily essentials. / Carry your daily essentials in {it}.
    backpack, rucksack, duffel bag, messenger bag, laptop bag: Pack {it} with what your day or trip requires. / Use {it} to carry what your day requires.
    cap, hat: Put {it} on when the sun is out. / Wear {it} on sunny days.
    tie, cufflinks: Wear {it} with office or evening outfits. / Use {it} to complete a formal outfit.
    scarf, muffler, stole, dupatta: Wrap {it} around your neck or shoulders. / Drape {it} around your neck or shoulders.
    gloves: Wear {it} to keep your hands warm. / Put {it} on before you go out in the cold.
    umbrella: Open {it} when it rains. / Take {it} along when rain is on the way.
    perfume, deodorant: Apply {it} before you go out. / Apply {it} when you get ready for the day.
    mug, cup: Use {it} for your coffee, tea or other drinks. / Fill {it} with coffee, tea or another drink.
    teapot: Use {it} to brew and serve your tea. / Brew your tea in {it} and pour.
    bottle, flask: Fill {it} and take your drink along. / Use {it} to take your drink along.
    plate, bowl, serving bowl: Serve your meals in style with {it}. / Use {it} to serve food.
    cutlery set, spoon, fork: Use {it} at every meal. / Lay {it} out when you sit down to eat.
    saucepan, frying pan: Use {it} for cooking at home. / Cook with {it} at home.
    chopping board: Use {it} to prepare food. / Prepare your vegetables on {it}.
    jar, container, box, basket, crate, storage box: Use {it} to store your things where you easily find them. / Store your things in {it} and find them easily.
    chair, armchair, stool, easy chair: Sit down and make yourself comfortable. / Use {it} as a seat wherever you need one.
    sofa: Sit down and make yourself comfortable. / Use {it} to sit or lounge at home.
    table, coffee table, side table, bedside table: Use {it} to keep things within reach. / Keep what you need within reach on {it}.
    desk: Use {it} to work or study. / Work or study at {it}.
    bed frame, cot: Complete {it} with the bedding of your choice. / Add the bedding of your choice.
    wardrobe, cabinet, sideboard, chest of drawers: Use {it} to store clothes and household things. / Keep clothes and household things tidy in {it}.
    shelf, shelving unit, bookcase, wall shelf: Use {it} to store and display your things. / Store and display your things on {it}.
    lamp, table lamp, floor lamp, pendant lamp, wall lamp, lantern, spotlight, work lamp: Use {it} to light your room. / Switch {it} on when you need light.
    mirror: Take a last look before you go out. / Use {it} to check your look.
    rug, door mat: Use {it} to cover part of your floor. / Lay {it} down where you want a covered floor.
    curtains: Hang {it} at your window. / Use {it} to dress your window.
    cushion, cushion cover, pillow: Use {it} wherever you sit or lie down. / Use {it} to add a touch of colour to a seat.
    quilt cover, pillowcase, bedspread: Use {it} to make your bed. / Make your bed with {it}.
    blanket, throw: Use {it} to wrap yourself up. / Wrap yourself up in {it}.
    bath towel, towel: Use {it} to dry off. / Dry off with {it} after a bath or shower.
    tea towel: Use {it} to dry the dishes. / Dry the dishes with {it}.
    vase: Fill {it} with fresh or dried flowers. / Use {it} for fresh or dried flowers.
    plant pot: Use {it} for your house plants. / Put your house plants in {it}.
    frame: Use {it} for your favourite motifs. / Put your favourite motifs in {it}.
    clock, wall clock: Use {it} to tell the time at home. / Tell the time at a glance.
    ironing board: Use {it} when you iron your clothes. / Iron your clothes on {it}.
    headphones, earphones, earbuds, headset, neckband: Use {it} to listen to your music. / Listen to your music with {it}.
    speaker, soundbar: Use {it} to play your music. / Play your music on {it}.
    charger, power adapter, power bank: Use {it} to charge your devices. / Charge your devices with {it}.
    cable: Use {it} to connect your devices. / Connect your devices with {it}.
    phone case, back cover, back case, back case cover, flip cover, bumper case: Use {it} to protect your device. / Protect your device with {it}.
    screen guard, tempered glass, screen protector: Use {it} to protect your display. / Protect your display with {it}.
    memory card, pen drive, flash drive, hard drive, solid state drive: Use {it} to store your files. / Store your files on {it}.
    smart watch, smartwatch: Wear {it} on your wrist. / See the time at a glance on your wrist.
    remote, remote control: Use {it} to operate your device from afar. / Operate your device from a distance.
    keyboard, mouse: Use {it} at your computer. / Work with {it} at your computer.
    tripod, phone stand, mobile stand, mobile holder, phone holder: Use {it} to hold your device steady. / Set your device down and keep it steady.
    marker, markers, pencil, ball pen, roller pen: Use {it} to write and mark. / Write and mark with {it}.
    notebook, note pad, diary: Use {it} for your notes and lists. / Write down your notes and lists in {it}.
    printer: Use {it} to print your documents. / Print your documents with {it}.
    guitar: Use {it} to make music. / Make music with {it}.
    candle: Light {it} for a warm glow. / Use {it} for a warm glow.
    """.strip().splitlines()
    for nouns, sentences in [line.strip().split(": ", 1)]
    for noun in nouns.split(", ")
}

NOUNS = frozenset(PURPOSES) | frozenset(
    """
    adapter knife case cover stand pen pens sheet sheets bench pan pot mat shoe trouser accessory amplifier antenna apple aerial bands band battery batteries bed binoculars board bracket brush bulb button
    calculator cards card carton cartridge castors chain cloth clip compass connector controller cord crayon cream crayons
    dashcam decoration device dock door drawers drive drum dryer dvd earring earrings envelope eraser extender fabric
    fan faucet file filter fitness fridge gamepad garland gift grinder grip guard hanger heater hob holder hood hook hub insert
    iron juice kettle key keychain kit knob ladder laminator lens light lights lighting lipstick lock machine magnet
    marker markers matress mattress microphone mic microscope microwave milk mixer mount mousepad mower multimeter
    nest oil organiser organizer oven pack pad paper pencils pens phone phones piano plug pouch processor projector protector
    puzzle rack radio rail receiver recorder ring ruler sachet scale scanner scissors scooter set sheepskin shade shampoo
    sharpener sink sleeve soap socket splitter spotlight stapler station sticker stickers strap strip stylus switch
    tablet tap tape telescope television thermometer thermostat tool torch toy tracker transmitter tray trestle trimmer
    trolley truck tv vacuum vinyl wallpaper weight wheel whistle wipe wire workbench worktop yoghurt yogurt smartphone
    laptop monitor router modem dongle ac washer mushroom potato tomato pepper onion lemon orange pear peach melon mango
    kiwi banana avocado carrot cabbage cucumber garlic ginger leek lime nectarine papaya plum pomegranate zucchini
    """.split()
)

COUNTABLE = frozenset(
    """
    pocket handle loop lanyard zip zipper buckle collar hood button screen display sensor indicator remote spine label
    base belt trim flap slot port design warranty year wheel blade mirror lid tray strap
    """.split()
)
"""Words that "a" stands before and that are no products by themselves."""

COMMON = frozenset(
    """
    a an and or with without in on of for the by from to at up down per plus no non multi
    adjustable advanced all alloy analog analogue animal ankle anti anytime apple arm armrest armrests art assorted audio
    automatic baby back backlit backrest balls ballpoint basic bass bath battery bedside big black bold boot box braided
    bright broad brushed bumper button buttons cabinet calling canvas car carry case casual ceramic charging check checked
    checks children classic clear clip close clothes coat coffee collar colour color colours colors combo comfort
    comfortable compact compatible complete console cooling cord cordless cotton cover crew cushion cushioned cut daily
    deep denim desk dial digital dining display doors double drawer drawers drive dual durable dust dynamic ear earphone
    easy edge electric elegant embroidered ergonomic everyday extendable extension external extra fabric face fast fibre
    fine finish fit fitness fitted flat flatwoven flexible floor floral flower foldable folding footstool frame fresh front
    full funky gaming garden glass gloss graphic green grey grip half hand handheld handle hanging hard heavy high home
    hood hooded hot house in-built inbuilt indoor inner inset instant internal jumbo junior kids kitchen knitted large
    lace laces laptop lather leather length lid light lightweight linen lined long loop low lower luxury magnetic man
    manual matte medium men mesh metal metallic mid mini mini-pack mirror mobile modern mount mounted multifunction
    multipurpose natural neck new noise office oil one open original outdoor over oversized padded painted paper party
    pattern pen pendant permanent phone picture piece pile pillow pitch plain plastic play playtime pocket polo
    portable power powerful premium print printed protective pure quality quick quilt rain rechargeable reading real
    rechargeable rectangular reflective regular remote resistant retractable reversible ribbed ring rotating round rubber
    running screen sealed seat self series set shade shaped shell shirt shockproof short shoulder side signature silent
    silicone silk single size sleeve sleeved sleeveless slim sliding sling small smart smooth soft solid sound spacious
    speaker speed spiral sport sports sporty square stainless stand standard station steel stereo sticky storage straight
    strap stretch striped stripes strong style stylish suede summer super support surface table tea tempered textured
    thermal thick thin tie top touch tough track training transparent travel triple true truly two type ultra
    ultra-thin under universal unisex upper velvet vintage voice v-neck waist walking wall warm washed watch water
    waterproof wave wide winter wired wireless women wood wooden woollen wool work woven wrist writing yellow year young
    zip zipper height angle holes hole cleaning control remote power cable playback mic microphone window split sockets
    indicator master outlet international assistant dial immersive isolating cancelling cancellation resolution vision night
    angle lens live calls crystal controls control charge timer foot hours pages ruled leaf refillable bedspread throw
    tealight block wall-mounted double-sided waistband crewneck typography applique slogan pigment striper yoke pleated
    replacement professional security desktop business standing study optical curved snug foldable handy study tpu rugged
    hybrid matrix matt frosted anti-slip scratch smartphone sensor charging mounting dimmable brightness level metallic
    curved flip back nylon legs multiple installation options coverage buckle warranty years playback camera cameras
    photo video data sync converter car truck school kids waist note roller chrome trim jack male female pin port ports
    display storage memory ram cache case cases tempered edge cup kitchen knife block carry bag mobile sized mini-size
    slot caddy pocket-size unbreakable thick thin hard-shell shock proof dust-proof rainproof weatherproof loud
    ethnic formal flared fashion bermuda boxer check lycra combed ruffled layered ripped embellished trim lounge
    """.split()
)
"""Words that a title writes with a capital and a sentence does not."""

PROPER_WORDS = frozenset("Alexa Windows Mac India TV AC DVD Bluetooth Wi-Fi WiFi USB HDMI LED LCD HD GaN Type-C USB-C Android Windows iOS AUX".split())

CLAIM_WORDS = (
    "waterproof, water-resistant, water resistant, shockproof, dustproof, rechargeable, wireless, cordless, foldable, "
    "washable, machine-washable, dishwasher-safe, dishwasher safe, dishwasher, microwave-safe, microwave, oven-safe, "
    "organic, vegan, gluten-free, sugar-free, lactose-free, biodegradable, recycled, recyclable, sustainable, "
    "eco-friendly, hypoallergenic, handmade, hand-made, handcrafted, hand-painted, certified, award-winning, guarantee, "
    "guaranteed, warranty, discount, free, sale, bestseller, best-selling, genuine, authentic, fireproof, scratch-resistant, "
    "anti-slip, non-stick, breathable, insulated, adjustable, stretchable, bluetooth, fast-charging, noise-cancelling, "
    "uv, imported, limited edition, exclusive, medical, healthy, safe for children, non-toxic, bpa-free, unbreakable"
).split(", ")
"""What a text may say of a product only if its facts say so."""

TRAITS = re.compile(
    r"^(?:(?:re|un|non-?|ultra-?|super-?)?\w*(?:able|proof|resistant|less|free|slip|lost)|portable|universal|magnetic|"
    r"washable|ergonomic|lightweight|compact|durable|transparent|flexible|insulated|handmade)$",
    re.IGNORECASE,
)
"""A word that stands alone in a title and tells how a product is."""
