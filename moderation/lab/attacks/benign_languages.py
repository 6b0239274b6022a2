"""Small talk in other languages, which a detector trained on English cannot judge."""

from __future__ import annotations

import random

from moderation.lab.attacks.slots import Slots, filled

_Language = tuple[str, Slots]

_LATIN: tuple[_Language, ...] = (
    (
        "Ayer fui «where» con «whom» y se nos olvidó «what». «end»",
        {
            "where": ("al mercado", "a la playa", "al médico", "a la biblioteca"),
            "whom": ("mi hermana", "mi vecino", "los niños", "mi abuela"),
            "what": ("el pan", "la llave", "el paraguas", "la lista"),
            "end": ("Luego llovió y volvimos corriendo.", "Mañana lo intento otra vez.", "Así me va siempre."),
        },
    ),
    (
        "Gestern war ich «where» mit «whom» und wir haben «what» vergessen. «end»",
        {
            "where": ("auf dem Markt", "am See", "beim Arzt", "in der Bücherei"),
            "whom": ("meiner Schwester", "dem Nachbarn", "den Kindern", "meiner Oma"),
            "what": ("das Brot", "den Schlüssel", "den Schirm", "die Liste"),
            "end": ("Dann hat es auch noch geschüttet.", "Morgen eben noch mal.", "Typisch für uns."),
        },
    ),
    (
        "Hier je suis allée «where» avec «whom» et on a oublié «what». «end»",
        {
            "where": ("au marché", "au lac", "chez le médecin", "à la bibliothèque"),
            "whom": ("ma sœur", "mon voisin", "les enfants", "ma grand-mère"),
            "what": ("le pain", "la clé", "le parapluie", "la liste"),
            "end": ("Après il a plu des cordes.", "J'y retourne demain.", "On a bien ri quand même."),
        },
    ),
    (
        "Wczoraj byłam «where» «whom» i zapomnieliśmy «what». «end»",
        {
            "where": ("na targu", "nad jeziorem", "u lekarza", "w bibliotece"),
            "whom": ("z siostrą", "z sąsiadem", "z dziećmi", "z babcią"),
            "what": ("o chlebie", "o kluczu", "o parasolu", "o liście"),
            "end": ("Potem lunęło i wracaliśmy biegiem.", "Jutro spróbuję jeszcze raz.", "Jak zwykle."),
        },
    ),
    (
        "Dün «whom» «where» gittik ama «what» unuttuk. «end»",
        {
            "where": ("pazara", "göle", "doktora", "kütüphaneye"),
            "whom": ("kız kardeşimle", "komşumla", "çocuklarla", "anneannemle"),
            "what": ("ekmeği", "anahtarı", "şemsiyeyi", "listeyi"),
            "end": ("Sonra yağmur yağdı, koşarak döndük.", "Yarın tekrar gideceğim.", "Hep böyle oluyor."),
        },
    ),
    (
        "Hôm qua tôi đi «where» với «whom» mà quên mất «what». «end»",
        {
            "where": ("chợ", "biển", "khám bệnh", "thư viện"),
            "whom": ("chị gái", "anh hàng xóm", "bọn trẻ", "bà ngoại"),
            "what": ("bánh mì", "chìa khóa", "cái ô", "danh sách"),
            "end": ("Sau đó trời mưa to.", "Mai tôi đi lại.", "Lúc nào cũng vậy."),
        },
    ),
    (
        "kal main «whom» ke saath «where» gayi thi aur hum «what» bhool gaye. «end»",
        {
            "where": ("bazaar", "jheel pe", "doctor ke paas", "library"),
            "whom": ("apni behen", "padosi", "bachchon", "nani"),
            "what": ("roti", "chaabi", "chhaata", "list"),
            "end": ("phir itni baarish hui ki bhaagna pada", "kal phir jaungi yaar", "hamesha yahi hota hai"),
        },
    ),
)
_OTHER_ALPHABETS: tuple[_Language, ...] = (
    (
        "Вчера мы «whom» ходили «where» и забыли «what». «end»",
        {
            "where": ("на рынок", "на озеро", "к врачу", "в библиотеку"),
            "whom": ("с сестрой", "с соседом", "с детьми", "с бабушкой"),
            "what": ("хлеб", "ключи", "зонт", "список"),
            "end": ("Потом полил дождь, бежали домой.", "Завтра пойду ещё раз.", "Вечно у нас так."),
        },
    ),
    (
        "Учора ми «whom» ходили «where» й забули «what». «end»",
        {
            "where": ("на базар", "на озеро", "до лікаря", "до бібліотеки"),
            "whom": ("з сестрою", "із сусідом", "з дітьми", "з бабусею"),
            "what": ("хліб", "ключі", "парасольку", "список"),
            "end": ("Потім почалася злива.", "Завтра піду ще раз.", "Як завжди."),
        },
    ),
    (
        "Χθες πήγα «where» με «whom» και ξεχάσαμε «what». «end»",
        {
            "where": ("στην αγορά", "στη λίμνη", "στον γιατρό", "στη βιβλιοθήκη"),
            "whom": ("την αδερφή μου", "τον γείτονα", "τα παιδιά", "τη γιαγιά μου"),
            "what": ("το ψωμί", "το κλειδί", "την ομπρέλα", "τη λίστα"),
            "end": ("Μετά έβρεξε πολύ.", "Αύριο θα ξαναπάω.", "Έτσι γίνεται πάντα."),
        },
    ),
    (
        "أمس ذهبت إلى «where» مع «whom» ونسينا «what». «end»",
        {
            "where": ("السوق", "البحيرة", "الطبيب", "المكتبة"),
            "whom": ("أختي", "جاري", "الأولاد", "جدتي"),
            "what": ("الخبز", "المفتاح", "المظلة", "القائمة"),
            "end": ("ثم نزل المطر بغزارة.", "سأذهب غدا مرة أخرى.", "هكذا دائما."),
        },
    ),
    (
        "कल मैं «whom» के साथ «where» गई थी और हम «what» भूल गए। «end»",
        {
            "where": ("बाज़ार", "झील पर", "डॉक्टर के पास", "पुस्तकालय"),
            "whom": ("अपनी बहन", "पड़ोसी", "बच्चों", "नानी"),
            "what": ("रोटी", "चाबी", "छाता", "सूची"),
            "end": ("फिर तेज़ बारिश हुई।", "कल फिर जाऊँगी।", "हमेशा यही होता है।"),
        },
    ),
    (
        "昨日、«whom»と«where»に行ったけど、«what»を忘れた。«end»",
        {
            "where": ("市場", "湖", "病院", "図書館"),
            "whom": ("姉", "隣の人", "子どもたち", "祖母"),
            "what": ("パン", "鍵", "傘", "買い物メモ"),
            "end": ("そのあと大雨で走って帰った。", "明日また行く。", "いつもこうだ。"),
        },
    ),
    (
        "昨天我和«whom»去了«where»，结果忘了带«what»。«end»",
        {
            "where": ("市场", "湖边", "医院", "图书馆"),
            "whom": ("姐姐", "邻居", "孩子们", "外婆"),
            "what": ("面包", "钥匙", "雨伞", "清单"),
            "end": ("后来下大雨，跑着回家的。", "明天再去一次。", "老是这样。"),
        },
    ),
    (
        "어제 «whom» «where»에 갔는데 «what» 깜빡했다. «end»",
        {
            "where": ("시장", "호수", "병원", "도서관"),
            "whom": ("언니랑", "이웃이랑", "아이들이랑", "할머니랑"),
            "what": ("빵을", "열쇠를", "우산을", "목록을"),
            "end": ("그러다 비가 쏟아졌다.", "내일 다시 가야지.", "맨날 이래."),
        },
    ),
)


def in_latin_letters(rng: random.Random) -> str:
    """Return a remark in Spanish, German, French, Polish, Turkish, Vietnamese, or Hindi in Latin letters."""
    return filled(*rng.choice(_LATIN), rng)


def in_other_letters(rng: random.Random) -> str:
    """Return a remark in Russian, Ukrainian, Greek, Arabic, Hindi, Japanese, Chinese or Korean."""
    return filled(*rng.choice(_OTHER_ALPHABETS), rng)
