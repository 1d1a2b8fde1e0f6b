import FoundationEssentials
import Testing

@testable import OCIDistribution

@Suite struct LinkHeaderTests {
    @Test(
        arguments: [
            ([#"</v2/x/tags/list?last=b&n=2>; rel="next""#], "/v2/x/tags/list?last=b&n=2"),
            ([#"<https://r.io/v2/x/tags/list?last=b>; rel="next""#], "https://r.io/v2/x/tags/list?last=b"),
            (["</next>; rel=next"], "/next"),
            (["</next>;REL=NEXT"], "/next"),
            (["</next>; rel=\"prev next\""], "/next"),
            (["</next>; title=\"a, b; c\"; rel=\"next\"; foo"], "/next"),
            (["</next>; title=\"a \\\" >\"; rel=\"next\""], "/next"),
            (["</first>; rel=first, </next>; rel=next"], "/next"),
            (["</first>; rel=\"first\"", "</next>; rel=\"next\""], "/next"),
            (["</a,b;c>; rel=\"next\""], "/a,b;c"),
            ([" , </next> ; rel = \"next\" ,"], "/next"),
            (["</next>; rel=next, </next>; rel=next"], "/next"),
            (["</prev>; rel=prev; rel=next"], nil),
            (["</x>; rel=\"nextpage\""], nil),
            (["</x>"], nil),
            ([], nil),
            ([""], nil),
        ] as [([String], String?)])
    func theNextPageIsFound(values: [String], next: String?) throws {
        #expect(try LinkHeader(values).next() == next)
    }

    @Test(arguments: [
        ["/next; rel=next"], ["</next; rel=next"], ["</next> rel=next"], ["</next>; rel=\"next"],
        ["</a>; rel=next, nonsense"],
        ["</a>; rel=next", "</b>; rel=next"],
    ])
    func whatCannotBeReadIsAnErrorAndNotTheEnd(values: [String]) {
        #expect(throws: LinkHeader.Malformed.self) { try LinkHeader(values).next() }
    }
}

@Suite struct ChallengeTests {
    @Test func aBearerChallengeKeepsCommasWithinQuotes() {
        let challenges = Challenge.parse([
            #"Bearer realm="https://auth.r.io/token?a=b",service="r.io",scope="repository:a/b:pull,push registry:catalog:*""#
        ])
        #expect(
            challenges == [
                Challenge(
                    scheme: "bearer",
                    parameters: [
                        "realm": "https://auth.r.io/token?a=b", "service": "r.io",
                        "scope": "repository:a/b:pull,push registry:catalog:*",
                    ])
            ])
    }

    @Test(
        arguments: [
            ([#"Basic realm="a b""#], ["basic"]),
            ([#"BASIC Realm=x"#], ["basic"]),
            (["Basic"], ["basic"]),
            ([#"Basic realm="a", Bearer realm="b",service="c""#], ["basic", "bearer"]),
            ([#"Bearer realm="b",service="c", Basic realm="a""#], ["bearer", "basic"]),
            ([#"Basic realm="a""#, #"Bearer realm="b""#], ["basic", "bearer"]),
            (["Negotiate YII=, Basic realm=a"], ["negotiate", "basic"]),
            ([#"Bearer realm = "b" , service = c"#], ["bearer"]),
            ([""], []),
            ([], []),
        ] as [([String], [String])])
    func severalChallengesInOneOrSeveralFieldsAreToldApart(values: [String], schemes: [String]) {
        #expect(Challenge.parse(values).map(\.scheme) == schemes)
    }

    @Test func oddPartsDoNotHideWhatCanBeRead() {
        #expect(
            Challenge.parse([#"="?, Basic realm="x""#]).last == Challenge(scheme: "basic", parameters: ["realm": "x"]))
        #expect(
            Challenge.parse([#"Bearer realm=https://r.io/t,service=r.io"#]).first?.parameters["realm"]
                == "https://r.io/t")
        #expect(Challenge.parse([#"Bearer realm="a\"b""#]).first?.parameters["realm"] == "a\"b")
        #expect(Challenge.parse([#"Bearer realm="never ends"#]).first?.parameters["realm"] == nil)
        #expect(Challenge.parse([#"Bearer realm="a",realm="b""#]).first?.parameters["realm"] == "a")
    }
}

@Suite struct BearerTokenTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test(arguments: [
        (#"{"token": "t"}"#, "t", 60.0),
        (#"{"access_token": "t"}"#, "t", 60.0),
        (#"{"token": "t", "access_token": "t", "expires_in": 300}"#, "t", 300.0),
        (#"{"token": "", "access_token": "t"}"#, "t", 60.0),
        (#"{"token": "t", "expires_in": 1}"#, "t", 60.0),
        (#"{"token": "t", "expires_in": 99999999}"#, "t", 86_400.0),
        (#"{"token": "t", "expires_in": "300", "extra": {}}"#, "t", 60.0),
        (#"{"token": "t", "expires_in": 300, "issued_at": "2027-01-15T07:59:00Z"}"#, "t", 240.0),
        (#"{"token": "t", "expires_in": 300, "issued_at": "2027-01-15T09:00:00.5+00:00"}"#, "t", 300.0),
        (#"{"token": "t", "expires_in": 300, "issued_at": "2026-01-15T08:00:00Z"}"#, "t", 300.0 - 365 * 86_400),
    ])
    func tokensLiveAsLongAsTheAnswerSaysAndAMinuteWithoutAWord(body: String, value: String, lifetime: Double) throws {
        let token = try BearerToken(Array(body.utf8), now: now)
        #expect(token.value == value)
        #expect(token.lifetime == .seconds(lifetime))
    }

    @Test(arguments: [
        "", "{}", "[]", "<html>", #"{"token": ""}"#, #"{"token": 1}"#, #"{"token": "a\r\nb"}"#, #"{"token": "a b"}"#,
    ])
    func otherAnswersAreNoToken(body: String) {
        #expect(throws: BearerToken.Malformed.self) { try BearerToken(Array(body.utf8), now: now) }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0.0), ("2000-02-29T12:00:00.25Z", 951_825_600.25),
        ("2000-02-29t14:30:00+02:30", 951_825_600.0),
        ("1969-12-31T23:59:59-00:00", -1.0), ("2026-01-02T03:04:05.123456789Z", 1_767_323_045.123456789),
    ])
    func datesAreReadWithAnyFractionAndOffset(text: String, seconds: Double) {
        #expect(Date(rfc3339: text)?.timeIntervalSince1970 == seconds)
    }

    @Test(arguments: [
        "", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+0100", "today", "\u{0662}026-01-02T03:04:05Z",
    ])
    func otherTextIsNoDate(text: String) {
        #expect(Date(rfc3339: text) == nil)
    }
}
