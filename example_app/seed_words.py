"""The words that the seed puts together: people, places, titles and opinions."""


def listed(words: str) -> list[str]:
    return words.split(", ")


#: Country: given names, family names, towns.
PEOPLE: dict[str, tuple[list[str], list[str], list[str]]] = {
    "GB": (
        listed(
            "Eleanor, Hugh, Imogen, Rupert, Beatrice, Alistair, Harriet, Callum, Philippa, Gareth"
        ),
        listed(
            "Ashworth, Pemberton, Lockhart, Thorne, Whitcombe, Sinclair, Hargreave, Penrose, Calder"
        ),
        listed("Whitby, Norwich, Ludlow, Inverness, Penzance, Hebden, Lyme, Conwy"),
    ),
    "IE": (
        listed("Niamh, Cormac, Aoife, Declan, Sinéad, Fergus, Maeve, Eoin, Róisín, Padraig"),
        listed("Kavanagh, Gallagher, Tierney, Flanagan, Delaney, Maguire, Quinlan, Brophy"),
        listed("Galway, Sligo, Dingle, Kilkenny, Ennis, Westport"),
    ),
    "US": (
        listed("Marcus, Delilah, Theodore, Renee, Wyatt, Josephine, Calvin, Loretta, Elias, Naomi"),
        listed("Holloway, Whitaker, Okafor, Brannigan, Castellanos, Mercer, Langford, Tillman"),
        listed("Savannah, Duluth, Taos, Galveston, Portland, Asheville, Laramie, Natchez"),
    ),
    "FR": (
        listed(
            "Camille, Étienne, Solène, Mathieu, Odile, Baptiste, Clémence, Lucien, Margaux, Rémi"
        ),
        listed("Delacourt, Marchand, Beaulieu, Lefèvre, Rousselot, Chastain, Vauquelin, Girard"),
        listed("Rouen, Arles, Colmar, Honfleur, Limoges, Cassis"),
    ),
    "DE": (
        listed("Annika, Konrad, Liesel, Matthias, Greta, Joachim, Wiebke, Ansgar, Ulrike, Henrik"),
        listed("Brandt, Hoffmeister, Lindner, Vogelsang, Krüger, Steinbach, Albrecht, Reuter"),
        listed("Lübeck, Weimar, Bamberg, Stralsund, Marburg, Görlitz"),
    ),
    "ES": (
        listed("Inés, Álvaro, Lucía, Gonzalo, Pilar, Rodrigo, Marisol, Joaquín, Elvira, Tomás"),
        listed("Navarro, Castellón, Herrera, Olmedo, Bustamante, Quiroga, Salcedo, Varela"),
        listed("Cádiz, Girona, Toledo, Ronda, Segovia, Santander"),
    ),
    "IT": (
        listed(
            "Chiara, Lorenzo, Ginevra, Matteo, Ottavia, Riccardo, Fiammetta, Sandro, Livia, Bruno"
        ),
        listed("Bellandi, Corsini, Montefiori, Ricciardi, Salvatori, Marchetti, Vianello, Gallo"),
        listed("Lucca, Matera, Trieste, Ravenna, Siracusa, Bergamo"),
    ),
    "SE": (
        listed("Astrid, Gunnar, Linnea, Sixten, Ingrid, Torsten, Saga, Viggo, Ebba, Nils"),
        listed("Lindqvist, Bergström, Hallgren, Sandell, Nyholm, Ekman, Dahlberg, Wikander"),
        listed("Visby, Uppsala, Kiruna, Kalmar, Lund, Ystad"),
    ),
    "JP": (
        listed("Haruka, Kenji, Sayuri, Takumi, Michiko, Ryota, Ayame, Shinichi, Natsuki, Hideo"),
        listed("Morimoto, Kurosawa, Ishida, Nakagawa, Fujiwara, Tachibana, Onishi, Hayashi"),
        listed("Kanazawa, Nara, Hakodate, Matsuyama, Nagasaki, Takayama"),
    ),
    "NG": (
        listed("Adaeze, Chidi, Ngozi, Emeka, Folake, Tunde, Amara, Obinna, Yewande, Kelechi"),
        listed("Adebayo, Okonkwo, Eze, Nwosu, Balogun, Achebayo, Onyekachi, Afolabi"),
        listed("Ibadan, Enugu, Calabar, Abeokuta, Jos, Lokoja"),
    ),
    "IN": (
        listed("Anjali, Vikram, Meera, Arjun, Lakshmi, Rohan, Kavita, Sanjay, Priyanka, Dev"),
        listed("Chaudhuri, Raghavan, Mehta, Banerjee, Krishnan, Deshpande, Iyer, Malhotra"),
        listed("Kochi, Jaipur, Darjeeling, Pondicherry, Mysore, Shimla"),
    ),
}

# Titles.
TRADES = listed(
    "Clockmaker, Lighthouse Keeper, Cartographer, Beekeeper, Glassblower, Apothecary, Archivist, "
    "Bookbinder, Ferryman, Astronomer, Locksmith, Translator, Gardener, Botanist, Salt Merchant, "
    "Piano Tuner, Puppeteer, Stonemason, Pearl Diver, Perfumer, Violin Maker, Surveyor, Midwife"
)
KIN = listed("Daughter, Apprentice, Widow, Son, Secret, Wife, Inheritance, Shadow, Almanac")
THINGS = listed(
    "Orchard, Harbour, Winter, Lantern, River, Silence, Meridian, Tide, Garden, Mirror, Bridge, "
    "Island, Ember, Sparrow, Letter, Staircase, Observatory, Thread, Frost, Compass, Harvest, "
    "Estuary, Bell, Hollow, Threshold, Map, Kingdom, Hour, Heron, Fault Line, Atlas, Season"
)
QUALITIES = listed(
    "Quiet, Long, Unfinished, Salt, Burning, Invisible, Borrowed, Northern, Paper, Crooked, "
    "Hidden, Restless, Silver, Last, Forgotten, Ninth, Patient, Drowned, Glass, Ordinary"
)
SUBJECTS = listed(
    "Salt, Ink, Tea, Weather, Maps, Bread, Clocks, Whales, Mountains, Railways, Silk, Moss, "
    "Lighthouses, Numbers, Migration, Tides, Glass, Fermentation, Sleep, Paper, Trees, Silence"
)
SEASONS = listed("Spring, Summer, Autumn, Winter, A Year, One Night, Seven Days")
#: The share of each pattern, and the pattern.
TITLES = [
    (5, "The {trade}'s {kin}"),
    (4, "The {quality} {thing}"),
    (3, "The {thing} of {town}"),
    (3, "{season} in {town}"),
    (2, "What the {trade} Knew"),
    (2, "The {thing} and the {other}"),
    (2, "Letters from {town}"),
    (2, "The {role} of the {quality} {thing}"),
    (2, "The {quality} {trade} of {town}"),
    (1, "A Short History of {subject}"),
    (1, "{subject}: A Life in {town}"),
    (1, "A Field Guide to {subject}"),
    (1, "On {subject} and Other Essays"),
    (1, "{subject} and {subject2}"),
]
ROLES = listed("Keeper, Student, Child, Daughter, Citizen, Scholar")

# What is said of authors and of books.
FORMER_WORK = listed(
    "a ship's cook, a schoolteacher, a court reporter, a botanist, a night porter, a translator, "
    "a railway clerk, a radio producer, a midwife, a museum guard, a watchmaker, a journalist"
)
HABITS = listed(
    "keeps bees, restores clocks, walks the coast in all weathers, plays the cello badly, "
    "grows apples, teaches evening classes, collects tide tables, sails a small wooden boat"
)
#: Rating: how a review begins, and how it ends.
OPINIONS: dict[int, tuple[list[str], list[str]]] = {
    5: (
        [
            "I finished it in two sittings and started again.",
            "The best thing I have read this year.",
            "A book I will press on everyone I know.",
            "Rarely does a story stay with me this long.",
        ],
        ["Buy two: you will lend one.", "Unforgettable.", "I did not want it to end."],
    ),
    4: (
        [
            "A lovely, unhurried book.",
            "Very nearly perfect.",
            "I came for the cover and stayed for the prose.",
            "Clever without showing off.",
        ],
        ["Warmly recommended.", "I will look for the author's others.", "Good company."],
    ),
    3: (
        [
            "Pleasant enough, though uneven.",
            "I liked the idea more than the book.",
            "A slow start, and a better second half.",
        ],
        ["Worth borrowing.", "Your mileage may vary.", "I am glad I finished it, just."],
    ),
    2: (
        [
            "I wanted to like this more than I did.",
            "It never quite decides what it is.",
            "Too long by a hundred pages.",
        ],
        ["Not for me.", "I skimmed the last chapters.", "A pity."],
    ),
    1: (
        ["I gave up halfway.", "The blurb describes a different book.", "A disappointment."],
        ["Mine went to the charity shop.", "I cannot recommend it.", "Avoid."],
    ),
}
REMARKS = (
    "The chapters set in {town} are the heart of it.",
    "The middle part, when the letters arrive, is masterly.",
    "The dialogue rings true throughout.",
    "You can smell the rain in {town}.",
    "The paperback is nicely made, with proper margins.",
    "The footnotes are half the fun.",
    "The ending divides our reading group.",
    "The narrator's voice takes some getting used to.",
    "Small print, but good paper.",
    "I read it on the train and missed my stop.",
)
