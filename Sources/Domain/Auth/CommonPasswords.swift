import Cryptography
import Encodings

/// Passwords that head the published lists of leaked ones: what a guesser tries first.
///
/// Those of two counted lists are known by four bytes of their digest, so that one in 260,000 other
/// passwords is taken for one of them; longer ones, which those lists miss, are spelt out.
enum CommonPasswords {
  static func contains(_ lowercased: String) -> Bool {
    if list.contains(lowercased) { return true }
    let digest = SHA256Digest.hash(Array(lowercased.utf8))
    let wanted = digest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    var (low, high) = (0, digests.count)
    while low < high {
      let middle = (low + high) / 2
      if digests[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low < digests.count && digests[low] == wanted
  }

  /// In order.
  static let digests: [UInt32] = {
    let bytes = Base64.standard.decode(digestsText, padding: .optional) ?? []
    return stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).map { start in
      bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
  }()

  private static let list = Set(
    """
    010203040506 0123456789012 01234567890123 012345678910 098765432109 0987654321098
    09876543210987654321 101112131415 102030405060 112233445566 11223344556677 121212121212
    123123123123 123321123321 123412341234 123454321234 123456123456 123456654321
    1234567887654321 123456789012 1234567890123 12345678901234 123456789012345 1234567890123456
    12345678901234567890 1234567890abc 1234567890qwerty 1234567890qwertyuiop 1234567891011
    123456789101112 12345678910111213 123456789abc 123456789asd 123456789qwe 123456789qwerty
    123456qwerty 12345qwertasdfg 1234qwerasdf 1234qwerasdfzxcv 123asd123asd 123qwe123qwe
    123qwe456asd 123qweasdzxc 147258369000 1472583690123 147258369147 159753159753 1q2w3e4r5t6y
    1q2w3e4r5t6y7u 1q2w3e4r5t6y7u8i 1q2w3e4r5t6y7u8i9o0p 1qaz1qaz1qaz 1qaz2wsx3edc
    1qaz2wsx3edc4rfv 1qazxsw23edc 5201314woaini 987654321012 9876543210123 a123456789012
    a1234567890123 a12345678910 a1b2c3d4e5f6 a1b2c3d4e5f6g7 aa1234567890 aa123456789012
    aabbccddeeff abc123456789 abc1234567890 abc123abc123 abcd12345678 abcd1234abcd abcdef123456
    abcdefg12345 abcdefg123456 abcdefgh1234 abcdefgh12345678 abcdefghijkl abcdefghijklm
    abcdefghijklmn abcdefghijklmnop abcdefghijklmnopqrstuvwxyz admin1234567 admin12345678
    admin123456789 admin@123456 admin@12345678 adminadmin12 adminadmin123 adminadminadmin
    administrator administrator1 administrator123 adminpassword alexander123 alexander1234
    anhyeuem123456 arsenal12345 asd123asd123 asdfasdfasdf asdfghasdfgh asdfghjkl123 asdfghjkl1234
    asdfghjklzxcvbnm ashley123456 autumn2025!! azerty123456 azertyazerty azertyuiop12
    azertyuiop123 barcelona123 barcelona1234 baseball1234 basketball12 basketball123
    basketball1234 batman123456 besiktas1903 bharat123456 bismillah123 bismillah1234 blessed12345
    blink182blink182 bonjour12345 butterfly123 butterfly1234 changeitnow1 changeme!123
    changeme1234 changeme12345 changemenow1 changemeplease charlie12345 chatelaine12
    chatelaine123 chatelaine1234 chatgpt12345 chatgpt123456 chelsea12345 chocolate123
    chocolate1234 christmas123 christmas2024 christmas2025 christopher1 christopher123
    ciaociao1234 computer1234 computer12345 contrasena123 contraseña123 correcthorsebatterystaple
    december2024 december2025 december2026 default12345 defaultpassword demo12345678 demopassword
    doudou123456 dragon123456 elizabeth123 elizabeth1234 example12345 facebook1234 facebook123456
    fenerbahce1907 ferrari12345 football1234 football12345 fortnite1234 forzajuventus
    freedom12345 friday123456 fuckyou12345 fuckyou123456 fuckyoufuckyou galatasaray1905
    ganesh123456 godisgood123 google123456 guest1234567 guestguest12 hallo1234567 harleydavidson
    hello1234567 hello12345678 hellohello12 helloworld12 helloworld123 helloworld1234
    ihateyou1234 ilovemyfamily ilovemymother iloveyou1234 iloveyou12345 iloveyou123456
    iloveyou1314 iloveyou143143 iloveyoubaby iloveyouforever iloveyouiloveyou iloveyousomuch
    india1234567 indonesia123 internet1234 january12345 jennifer1234 jessica12345 jesus1234567
    jesuschrist1 jesuslovesme jordan123456 juventus1234 krishna12345 lamborghini1 letmein12345
    letmein123456 letmeinnow123 letmeinplease liverpool123 liverpool1234 login1234567
    lovelovelove loveyou12345 manchester123 manchesterunited master123456 masterpassword
    mercedesbenz michael12345 michelle1234 microsoft123 minecraft123 minecraft1234
    mnbvcxzlkjhgfdsapoiuytrewq monday123456 monkey123456 motdepasse12 motdepasse123 motherfucker
    motherfucker1 mustang12345 mypassword12 mypassword123 mypassword1234 newpassword1
    newpassword123 november2024 november2025 november2026 openai123456 p@ssw0rd123! p@ssw0rd1234
    p@ssw0rd12345 p@ssw0rd@123 p@ssword1234 p@ssword@123 pakistan1234 pakistan12345 passw0rd1234
    passw0rd12345 passw0rd@123 password!123 password#123 password123! password123$ password1234
    password1234! password12345 password123456 password1234567 password12345678 password123456789
    password1234567890 password2020 password2021 password2022 password2023 password2024
    password2025 password2026 password@123 password@1234 passwordpassword passwort1234
    passwort12345 passwort123456 playstation123 playstation2 playstation3 playstation4
    playstation5 poiuytrewq12 pokemon12345 pokemon123456 porsche911911 princess1234 princess12345
    princess123456 q1w2e3r4t5y6 q1w2e3r4t5y6u7i8 qazwsxedc123 qazwsxedcrfv qazwsxedcrfvtgb
    qq123456789012 qwe123456789 qwe123qwe123 qweasdzxc123 qwer1234asdf qwerasdfzxcv qwerty123456
    qwerty1234567 qwerty12345678 qwerty123456789 qwerty1234567890 qwerty123qwerty qwertyasdfgh
    qwertyasdfghzxcvbn qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiop12345
    qwertyuiop123456 qwertyuiop[] qwertyuiop[]\\ qwertyuiopasdf qwertyuiopasdfghjkl
    qwertyuiopasdfghjklzxcvbnm qwertz123456 qwertzuiop12 realmadrid123 rootpassword rootroot1234
    samsung12345 samsung123456 schatz123456 secret123456 secretpassword secretsecret senha1234567
    senha123456789 september2024 september2025 september2026 shadow123456 skateboard12
    soleil123456 spring2026!! starwars1234 starwars12345 stephanie123 summer2024!! summer2025!!
    sunshine1234 sunshine12345 superman1234 superman12345 superuser123 teamo1234567 temp12345678
    temporary123 temppassword tequieromucho test12345678 test123456789 testing12345 testing123456
    testpassword testpassword1 testpassword123 testtest1234 testtesttest thankyou1234
    thankyoujesus thepassword1 thunder12345 tobeornottobe topsecret123 trustno1trustno1
    user12345678 user@1234567 userpassword volleyball12 wachtwoord12 wachtwoord123 welcome1234!
    welcome12345 welcome123456 welcome2024! welcome2025! welcome2026! welcome@1234 welkom123456
    whatever1234 whatever12345 windows12345 winter2024!! winter2025!! woaini123456 woaini1314520
    woaini520520 yourpassword zaq12wsxcde3 zxcvbnm,./12 zxcvbnm12345 zxcvbnm123456
    zxcvbnmasdfghjkl
    """.split(whereSeparator: \.isWhitespace).map(String.init)
  ).union(["correct horse battery staple"])
}
