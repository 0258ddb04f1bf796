/* SPDX-License-Identifier: Apache-2.0 */
/* The made-up store's goods, brands and places. No brand here is a real one, on purpose. */
#include "client/cli/store.h"

static const char *const colours[STORE_VARIANTS] = {
    "chalk white",   "ink black", "moss green", "sky blue", "brick red", "sand",
    "mustard",       "plum",      "slate grey", "coral",    "teal",      "oat",
    "midnight blue", "rust",      "sage",       "rose"};
static const char *const sizes[STORE_VARIANTS] = {
    "XS",      "S",        "M",        "L",
    "XL",      "XXL",      "S tall",   "M tall",
    "L tall",  "XL tall",  "S short",  "M short",
    "L short", "XL short", "one size", "made to measure"};
static const char *const roasts[STORE_VARIANTS] = {
    "Yirgacheffe 250 g", "Yirgacheffe 1 kg", "Huehuetenango 250 g", "Huehuetenango 1 kg",
    "Sumatra 250 g",     "Sumatra 1 kg",     "Antigua 250 g",       "Antigua 1 kg",
    "house blend 250 g", "house blend 1 kg", "decaf 250 g",         "decaf 1 kg",
    "Kirinyaga 250 g",   "Kirinyaga 1 kg",   "Huila 250 g",         "Huila 1 kg"};
static const char *const teas[STORE_VARIANTS] = {
    "Assam",      "Darjeeling first flush", "Earl Grey",   "Lapsang",     "Sencha",
    "Genmaicha",  "Jasmine pearls",         "Oolong",      "Rooibos",     "Chamomile",
    "Peppermint", "Ginger lemon",           "Masala chai", "White peony", "Pu-erh",
    "Rose hip"};
static const char *const scents[STORE_VARIANTS] = {
    "cedar",          "bergamot", "fig",      "linen",    "rosemary", "vetiver",
    "orange blossom", "tonka",    "lavender", "sea salt", "pine",     "vanilla",
    "amber",          "mint",     "jasmine",  "unscented"};
static const char *const metals[STORE_VARIANTS] = {
    "16 cm",         "18 cm",         "20 cm",         "22 cm",
    "24 cm",         "26 cm",         "28 cm",         "30 cm",
    "32 cm",         "16 cm, copper", "20 cm, copper", "24 cm, copper",
    "28 cm, copper", "20 cm, coated", "24 cm, coated", "28 cm, coated"};
static const char *const packs[STORE_VARIANTS] = {
    "pack of 2",  "pack of 3",  "pack of 4",  "pack of 5",  "pack of 6",  "pack of 8",
    "pack of 10", "pack of 12", "pack of 16", "pack of 20", "pack of 24", "pack of 30",
    "pack of 40", "pack of 50", "pack of 80", "pack of 100"};
static const char *const plants[STORE_VARIANTS] = {
    "basil",     "thyme",      "chives",  "parsley",   "coriander", "cherry tomato",
    "chilli",    "radish",     "lettuce", "courgette", "sunflower", "cornflower",
    "sweet pea", "nasturtium", "poppy",   "bee mix"};
static const char *const titles[STORE_VARIANTS] = {
    "lighthouse", "old harbour",     "night train",      "market square",
    "alpine hut", "map of the moon", "botanical garden", "carousel",
    "library",    "balloons",        "aquarium",         "observatory",
    "windmill",   "tram depot",      "greenhouse",       "winter fair"};

/* clang-format off */
const struct store_theme store_themes[STORE_THEMES] = {
    {"COFFEE", "Kitchen/Coffee", {"Morgenrot", "Kessel & Korn", "Nordlicht"},
     {{"Coffee beans", "Beans", roasts, 1090}, {"Pour-over dripper", "Brewing", colours, 2490}, {"Gooseneck kettle", "Brewing", colours, 6900},
      {"Paper filters", "Brewing", packs, 450}, {"Hand grinder", "Grinders", colours, 7900}, {"Stoneware mug", "Cups", colours, 1290},
      {"Espresso cup", "Cups", colours, 890}, {"Milk pitcher", "Brewing", colours, 1990}}},
    {"TEA", "Kitchen/Tea", {"Teeufer", "Hain", "Porzella"},
     {{"Loose tea", "Leaves", teas, 850}, {"Tea bags", "Leaves", teas, 490}, {"Teapot", "Pots", colours, 3490}, {"Tea strainer", "Pots", packs, 690},
      {"Tea tin", "Storage", colours, 990}, {"Tea bowl", "Cups", colours, 1190}, {"Teapot warmer", "Pots", colours, 2290}, {"Honey dipper", "Table", packs, 590}}},
    {"BAKING", "Kitchen/Baking", {"Backstube Nord", "Ofenfrisch", "Kessel & Korn"},
     {{"Mixing bowl", "Bowls", colours, 1890}, {"Springform tin", "Tins", metals, 1690}, {"Rolling pin", "Tools", colours, 1490}, {"Silicone spatula", "Tools", colours, 790},
      {"Proving basket", "Bread", metals, 1990}, {"Cookie cutters", "Tools", packs, 990}, {"Baking paper", "Paper", packs, 390}, {"Kitchen scale", "Tools", colours, 2990}}},
    {"COOK", "Kitchen/Cookware", {"Gusswerk", "Feuerstelle", "Porzella"},
     {{"Cast-iron pan", "Pans", metals, 4990}, {"Saucepan", "Pots", metals, 3990}, {"Stock pot", "Pots", metals, 5990}, {"Chef's knife", "Knives", colours, 6490},
      {"Chopping board", "Boards", colours, 2490}, {"Oven glove", "Textiles", colours, 1290}, {"Tea towel", "Textiles", colours, 890}, {"Spice jar", "Storage", packs, 1490}}},
    {"TABLE", "Home/Tableware", {"Porzella", "Hain", "Lindenhof"},
     {{"Dinner plate", "Plates", colours, 1590}, {"Soup bowl", "Plates", colours, 1390}, {"Linen napkin", "Linen", colours, 790}, {"Table runner", "Linen", colours, 2990},
      {"Water glass", "Glasses", packs, 1890}, {"Carafe", "Glasses", colours, 2690}, {"Serving board", "Serving", colours, 3290}, {"Cutlery set", "Cutlery", packs, 5990}}},
    {"CANDLE", "Home/Scent", {"Dunkelgold", "Lindenhof", "Windstill"},
     {{"Scented candle", "Candles", scents, 2490}, {"Reed diffuser", "Diffusers", scents, 2990}, {"Room spray", "Sprays", scents, 1690}, {"Taper candles", "Candles", packs, 1290},
      {"Candle holder", "Holders", colours, 1890}, {"Wick trimmer", "Holders", colours, 1490}, {"Matches", "Holders", packs, 390}, {"Incense", "Sticks", scents, 890}}},
    {"BATH", "Home/Bath", {"Windstill", "Seegrund", "Hain"},
     {{"Bath towel", "Towels", colours, 2490}, {"Hand towel", "Towels", colours, 1290}, {"Bar soap", "Soap", scents, 690}, {"Hand wash", "Soap", scents, 1190},
      {"Soap dish", "Holders", colours, 990}, {"Bath mat", "Textiles", colours, 2990}, {"Shower gel", "Soap", scents, 990}, {"Sponge", "Soap", packs, 590}}},
    {"BED", "Home/Bedroom", {"Lindenhof", "Windstill", "Federleicht"},
     {{"Duvet cover", "Linen", colours, 6990}, {"Pillowcase", "Linen", colours, 1990}, {"Fitted sheet", "Linen", colours, 2990}, {"Wool throw", "Throws", colours, 7990},
      {"Cushion", "Cushions", colours, 2990}, {"Bedside lamp", "Lamps", colours, 4990}, {"Linen spray", "Scent", scents, 1490}, {"Hot-water bottle", "Warmth", colours, 2290}}},
    {"GARDEN", "Garden/Growing", {"Gartenglück", "Spatenstich", "Hain"},
     {{"Seeds", "Seeds", plants, 290}, {"Seedling", "Plants", plants, 390}, {"Terracotta pot", "Pots", metals, 890}, {"Watering can", "Tools", colours, 2490},
      {"Hand trowel", "Tools", colours, 1490}, {"Potting soil", "Soil", packs, 990}, {"Plant labels", "Tools", packs, 490}, {"Garden gloves", "Tools", sizes, 1290}}},
    {"CAMP", "Outdoor/Camping", {"Weitblick", "Fernweh", "Nordlicht"},
     {{"Sleeping bag", "Sleeping", sizes, 12900}, {"Camping mat", "Sleeping", colours, 5990}, {"Head torch", "Light", colours, 2990}, {"Camping stove", "Cooking", colours, 4990},
      {"Enamel mug", "Cooking", colours, 990}, {"Dry bag", "Bags", colours, 1990}, {"Tent pegs", "Tents", packs, 890}, {"Water bottle", "Bottles", colours, 2490}}},
    {"HIKE", "Outdoor/Hiking", {"Fernweh", "Weitblick", "Gratweg"},
     {{"Merino socks", "Socks", sizes, 1990}, {"Rain jacket", "Jackets", sizes, 14900}, {"Daypack", "Packs", colours, 8900}, {"Trekking poles", "Poles", colours, 6990},
      {"Sun hat", "Hats", colours, 2990}, {"Gaiters", "Shoes", sizes, 3990}, {"Blister plasters", "First aid", packs, 690}, {"Trail mix", "Food", packs, 490}}},
    {"YOGA", "Sport/Yoga", {"Atemzug", "Windstill", "Seegrund"},
     {{"Yoga mat", "Mats", colours, 5990}, {"Yoga block", "Props", colours, 1490}, {"Yoga strap", "Props", colours, 1290}, {"Meditation cushion", "Props", colours, 4490},
      {"Leggings", "Clothes", sizes, 5990}, {"Eye pillow", "Props", scents, 1890}, {"Mat spray", "Care", scents, 1190}, {"Cork roller", "Props", metals, 3290}}},
    {"BIKE", "Sport/Cycling", {"Radwerk", "Gratweg", "Kettenblatt"},
     {{"Bike bell", "Parts", colours, 1490}, {"Bar tape", "Parts", colours, 1990}, {"Bike lock", "Locks", colours, 4990}, {"Pannier", "Bags", colours, 6990},
      {"Bike light", "Lights", colours, 2990}, {"Cycling gloves", "Clothes", sizes, 2490}, {"Inner tube", "Parts", packs, 690}, {"Chain oil", "Care", packs, 890}}},
    {"DESK", "Office/Desk", {"Papierwerk", "Federstrich", "Nordlicht"},
     {{"Notebook", "Paper", colours, 1290}, {"Fountain pen", "Pens", colours, 3490}, {"Ink bottle", "Pens", colours, 990}, {"Pencils", "Pens", packs, 590},
      {"Desk mat", "Desk", colours, 3990}, {"Pen tray", "Desk", colours, 1890}, {"Sticky notes", "Paper", packs, 390}, {"Desk lamp", "Light", colours, 7990}}},
    {"PLAY", "Toys/Games", {"Spielbrett", "Holzwurm", "Papierwerk"},
     {{"Jigsaw puzzle", "Puzzles", titles, 1890}, {"Picture book", "Books", titles, 1490}, {"Wooden blocks", "Building", packs, 3490}, {"Playing cards", "Cards", colours, 890},
      {"Colouring pencils", "Drawing", packs, 1290}, {"Sketch book", "Drawing", colours, 990}, {"Soft ball", "Outdoor", colours, 1190}, {"Puzzle mat", "Puzzles", sizes, 2490}}},
    {"PET", "Pets/Dogs and cats", {"Vierpfote", "Spatenstich", "Holzwurm"},
     {{"Dog collar", "Dogs", colours, 1990}, {"Dog lead", "Dogs", colours, 2490}, {"Food bowl", "Feeding", colours, 1490}, {"Chew sticks", "Feeding", packs, 590},
      {"Cat blanket", "Cats", colours, 2290}, {"Feather wand", "Cats", colours, 790}, {"Treat bag", "Dogs", colours, 1290}, {"Pet brush", "Care", colours, 1590}}},
};
/* clang-format on */

const struct store_place store_places[STORE_PLACES] = {
    {"berlin-store", "Berlin, Torstraße", "store", "Torstraße 88, 10119 Berlin",
     "Europe/Berlin"},
    {"hamburg-store", "Hamburg, Schanze", "store", "Schulterblatt 41, 20357 Hamburg",
     "Europe/Berlin"},
    {"leipzig-warehouse", "Leipzig warehouse", "warehouse",
     "Am Güterring 3, 04159 Leipzig", "Europe/Berlin"},
};

const char *const store_cities[STORE_CITIES] = {
    "Berlin", "Hamburg", "Leipzig", "Dresden", "Bremen", "Hannover",
    "Köln",   "München", "Kiel",    "Rostock", "Jena",   "Freiburg"};
