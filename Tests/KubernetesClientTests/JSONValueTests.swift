import FoundationEssentials
import HTTPTypes
import Testing
import Yams

@testable import KubernetesClient

@Suite("JSON documents as trees")
struct JSONValueTests {
    static let good: [String] = [
        "null", "true", "false", "0", "-0", "1.0", "1e3", "-1.5E-7", "123456789012345678901234567890", "\"\"", "[]",
        "{}",
        #"{"b":1,"a":{"d":[1,2,{"c":null}],"e":"x"}}"#, "\"é😀\"",
        #""\"\\\n\r\t""#, "\"\\u0001\"",
    ]

    @Test("written again they are the same, byte for byte", arguments: good)
    func roundTrip(_ text: String) throws {
        let value = try JSONValue(json: Array(text.utf8))
        #expect(String(decoding: value.json(), as: UTF8.self) == text)
        // And through the coders of the library, apart from order and spelling.
        let coded = try JSONDecoder().decode(JSONValue.self, from: try JSONEncoder().encode(value))
        if !["1.0", "-0", "1e3", "-1.5E-7"].contains(text) { #expect(coded == value) }
    }

    static let escapes: [(String, String)] = [
        (#""\u0041\/\b\f""#, "A/\u{8}\u{C}"), (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00x""#, "😀x"),
        (" \"a\" \n", "a"),
    ]

    @Test("escapes are read", arguments: escapes)
    func escape(_ text: String, _ expected: String) throws {
        #expect(try JSONValue(json: Array(text.utf8)) == .string(expected))
    }

    static let bad: [String] = [
        "", " ", "nul", "tru", "01", "+1", "1.", ".5", "1e", "-", "NaN", "Infinity", "'a'", "\"a", "\"\n\"",
        "\"\u{1}\"",
        #""\x""#, #""\u12""#, #""\ud83d""#, #""\ud83dx""#, #""\ud83d\u0041""#, #""\ude00""#, "[1,]", "[1 2]", "[",
        "{\"a\":1,}",
        "{\"a\"}", "{a:1}", "{\"a\":1,\"a\":2}", "{\"a\":}", "1 2", "{} x", "[1]]", "\u{FEFF}1",
        String(repeating: "[", count: 102) + String(repeating: "]", count: 102), String(repeating: "1", count: 500),
    ]

    @Test("what is no JSON is refused", arguments: bad)
    func refused(_ text: String) {
        #expect(throws: DocumentError.self) { try JSONValue(json: Array(text.utf8)) }
    }

    @Test("bytes that are no UTF-8 are refused")
    func encoding() {
        #expect(throws: DocumentError.self) { try JSONValue(json: [0x22, 0xFF, 0x22]) }
    }

    @Test("order is kept, and does not count")
    func order() throws {
        var value: JSONValue = ["z": 1, "a": 2]
        value["m"] = "new"
        value["z"] = 3
        #expect(String(decoding: value.json(), as: UTF8.self) == #"{"z":3,"a":2,"m":"new"}"#)
        value["z"] = nil
        #expect(String(decoding: value.json(), as: UTF8.self) == #"{"a":2,"m":"new"}"#)
        #expect(value == ["m": "new", "a": 2])
        #expect(value.hashValue == (["m": "new", "a": 2] as JSONValue).hashValue)
        #expect(value != ["m": "new"])
        value["deep"] = [:]
        value["deep"]?["er"] = true
        value["absent"]?["er"] = true
        #expect(value["deep"]?["er"]?.bool == true)
        #expect(value["absent"] == nil)
        var nothing = JSONValue.null
        nothing["a"] = ["b"]
        #expect(nothing == ["a": ["b"]])
    }

    @Test("a number is what JSON calls one")
    func numbers() {
        for text in ["", "a", "1a", "0x1", "1.", "--1", "01", " 1", "1 ", "\"1\"", "1,2"] {
            #expect(JSONNumber(text) == nil)
        }
        #expect(JSONNumber("12")?.int == 12)
        #expect(JSONNumber("1.5")?.int == nil)
        #expect(JSONNumber(UInt64.max).description == "18446744073709551615")
    }
}

@Suite("YAML documents mean what they mean to Kubernetes")
struct YAMLTests {
    static let scalars: [(String, JSONValue)] = [
        ("true", true), ("False", false), ("null", .null), ("~", .null), ("", .null), ("123", 123), ("-7", -7),
        ("+7", 7),
        ("0", 0), ("-0", 0), ("0644", 420), ("0o17", 15), ("0x1F", 31), ("0b101", 5), ("1_000", 1000),
        ("089", .number(JSONNumber(89))), ("1.5", number("1.5")), (".5", number("0.5")), ("1.", number("1.0")),
        ("+1.50", number("1.50")), ("-.5", number("-0.5")), ("1e3", number("1e3")), ("1.5E-3", number("1.5E-3")),
        ("123456789012345678901234567890", number("123456789012345678901234567890")),
        // Strings all of these.
        ("\"123\"", "123"), ("'true'", "true"), ("\"\"", ""), ("!!str 123", "123"), ("v1.2.3", "v1.2.3"),
        ("1.2.3", "1.2.3"),
        ("2026-11-22", "2026-11-22"), ("12:30", "12:30"), ("256Mi", "256Mi"), ("100m", "100m"),
        ("${JOB_NAME}", "${JOB_NAME}"),
        ("0x", "0x"), ("1e", "1e"), ("_1", "_1"), ("1__a", "1__a"), ("e3", "e3"), ("nullable", "nullable"),
        ("--1", "--1"), ("tRue", "tRue"), ("|\n  123\n", "123\n"), (">-\n  true\n", "true"), ("0xg", "0xg"),
        ("99999999999999999999e1", number("99999999999999999999e1")),
    ]

    private static func number(_ text: String) -> JSONValue { JSONNumber(text).map(JSONValue.number) ?? .null }

    @Test("scalars", arguments: scalars)
    func scalar(_ text: String, _ expected: JSONValue) throws {
        #expect(try JSONValue(yaml: "a: \(text)") == ["a": expected])
        #expect(try JSONValue(yaml: "- \(text)") == [expected])
    }

    static let refused: [(yaml: String, named: String)] = [
        ("a: yes", "line 1, column 4: \"yes\" is a truth value"), ("a: NO", "\"NO\""), ("- on", "\"on\""),
        ("- y", "\"y\""),
        ("a: .inf", "cannot express"), ("a: -.Inf", "cannot express"), ("a: .nan", "cannot express"),
        ("a: !!binary QUJD", "unknown tag"), ("a: !mine {}", "unknown tag"), ("a: !mine [1]", "unknown tag"),
        ("{a: 1}: b", "a key that is no scalar"), ("a: 1\na: 2", "twice"), ("a: *b", "undefined alias"),
        ("a: [1", "line"),
        ("", "no document"), ("a: 1\n---\nb: 2\n", "another document"), ("<<: 1\na: 2", "no mapping"),
        (String(repeating: "[", count: 102) + String(repeating: "]", count: 102), "levels"),
        ("a: \"\(String(repeating: "x", count: 1_100_000))\"", "longer than"), ("\ta: b", "line 1"),
    ]

    @Test("what means different things, or nothing, is refused", arguments: 0..<refused.count)
    func refusal(_ index: Int) {
        let one = Self.refused[index]
        let error = #expect(throws: DocumentError.self) { try JSONValue(yaml: one.yaml) }
        #expect(error?.description.contains(one.named) == true, "\(error?.description ?? "")")
    }

    @Test("aliases and merges are followed")
    func aliases() throws {
        let value = try JSONValue(
            yaml: """
                base: &base {cpu: 10m, memory: 64Mi}
                more: &more {memory: 1Gi, disk: 1Gi}
                one: *base
                two:
                  <<: *base
                  memory: 128Mi
                three:
                  <<: [*base, *more]
                "<<": kept
                """)
        #expect(value["one"] == ["cpu": "10m", "memory": "64Mi"])
        #expect(value["two"] == ["cpu": "10m", "memory": "128Mi"])
        #expect(value["three"] == ["cpu": "10m", "memory": "64Mi", "disk": "1Gi"])
        #expect(value["<<"] == "kept")
    }

    @Test("a document that explodes is refused, quickly")
    func explosion() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
        }
        let error = #expect(throws: DocumentError.self) { try JSONValue(yaml: text) }
        #expect(error?.description.contains("too large") == true)
        // Few nodes, much text.
        let long = String(repeating: "x", count: 100_000)
        let repeated = "a: &a \(long)\nb: [\(Array(repeating: "*a", count: 20).joined(separator: ", "))]"
        #expect(throws: DocumentError.self) { try JSONValue(yaml: repeated) }
    }

    @Test("an error does not quote the document")
    func noQuotes() {
        let error = #expect(throws: DocumentError.self) { try JSONValue(yaml: "token: secret-token\n  bad: [") }
        #expect(error?.description.contains("secret-token") == false)
    }

    @Test("a Job written in YAML is the recorded Job")
    func recordedJob() throws {
        // JSON is YAML, so what was posted can be read as a template would be.
        let posted = try #require(try Recording("job-create-201").requestBody)
        #expect(try JSONValue(yaml: String(decoding: posted.json(), as: UTF8.self)) == posted)
    }
}

@Suite("Times, labels and warnings")
struct TextFormTests {
    static let times: [(String, Double)] = [
        ("1970-01-01T00:00:00Z", 0), ("2026-11-22T09:22:35Z", 1_795_339_355),
        ("2026-11-22T09:22:35.5Z", 1_795_339_355.5),
        ("2026-11-22T10:22:35+01:00", 1_795_339_355), ("2026-11-22t03:52:35.000-05:30", 1_795_339_355),
        ("2024-02-29T23:59:60Z", 1_709_251_200), ("1969-12-31T23:59:59Z", -1),
        ("0001-01-01T00:00:00Z", -62_135_596_800),
        ("2026-11-22T09:23:00.982385900Z", 1_795_339_380.9823859), ("2000-03-01T00:00:00Z", 951_868_800),
    ]

    @Test("times are read with a fraction and without", arguments: times)
    func time(_ text: String, _ seconds: Double) throws {
        let date = try #require(Timestamp(text)?.date)
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.000_001)
    }

    @Test(
        "what is no time is refused",
        arguments: [
            "", "2026-11-22", "2026-11-22T09:22Z", "2026-11-22T09:22:35", "2026-11-22 09:22:35Z",
            "2026-13-22T09:22:35Z",
            "2026-02-29T09:22:35Z", "2026-11-22T24:22:35Z", "2026-11-22T09:60:35Z", "2026-11-22T09:22:61Z",
            "2026-11-22T09:22:35.Z",
            "2026-11-22T09:22:35+1:00", "2026-11-22T09:22:35.5", "+026-11-22T09:22:35Z", "0000-11-22T09:22:35Z",
            "2026-11-22T09:22:35Zx", "２026-11-22T09:22:35Z",
        ])
    func noTime(_ text: String) { #expect(Timestamp(text) == nil) }

    @Test("a MicroTime has exactly six digits, rounded with carry")
    func microTime() throws {
        func text(_ seconds: Double) -> String { MicroTime(Date(timeIntervalSince1970: seconds)).description }
        #expect(text(0) == "1970-01-01T00:00:00.000000Z")
        #expect(text(1_795_339_800.123_456) == "2026-11-22T09:30:00.123456Z")
        #expect(text(1_795_339_800.000_001) == "2026-11-22T09:30:00.000001Z")
        #expect(text(59.999_999_9) == "1970-01-01T00:01:00.000000Z")
        #expect(text(-0.5) == "1969-12-31T23:59:59.500000Z")
        #expect(Timestamp(Date(timeIntervalSince1970: 1_795_339_800.9)).description == "2026-11-22T09:30:00Z")
        let lease = Lease(
            metadata: ObjectMeta(name: "x"), spec: Lease.Spec(renewTime: MicroTime(Date(timeIntervalSince1970: 1))))
        let written = try JSONValue(json: [UInt8](JSONEncoder().encode(lease)))
        #expect(written["spec"]?["renewTime"] == "1970-01-01T00:00:01.000000Z")
        #expect(written["apiVersion"] == "coordination.k8s.io/v1")
    }

    @Test("days of four centuries survive writing and reading")
    func calendar() {
        // A step that meets every day of the year, leap days included.
        for day in stride(from: -73_000, to: 73_100, by: 11) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            #expect(Timestamp(Timestamp(date).description)?.date == date)
        }
    }

    @Test("a selector is made of labels and nothing else")
    func selectors() throws {
        let selector = try LabelSelector(
            ["app.kubernetes.io/managed-by": "registry-query", "webapp": ""], having: ["registry-query/tag"])
        #expect(selector.description == "app.kubernetes.io/managed-by=registry-query,webapp=,registry-query/tag")
        for value in ["a,b=c", "a b", "-a", "a.", "a/b", "ä", String(repeating: "a", count: 64), "a\n"] {
            #expect(throws: InvalidLabelError.self) { try LabelSelector(["webapp": value]) }
        }
        for name in ["", "a b", "/a", "a/", "a/b/c", "a=b", "!a", "ä/b"] {
            #expect(throws: InvalidLabelError.self) { try LabelSelector([name: "x"]) }
            #expect(throws: InvalidLabelError.self) { try LabelSelector([:], having: [name]) }
        }
    }

    @Test("warnings reach the caller in the server's words")
    func warnings() async throws {
        func warnings(_ name: String) async throws -> [String] {
            try await client(try Recording(name).transport()).createJob([:]).warnings
        }
        #expect(try await warnings("job-create-201") == [])
        #expect(
            try await warnings("job-create-201-warning-unknown-field")
                == ["unknown field \"spec.template.spec.containers[0].comand\""])
        #expect(
            try await warnings("job-create-201-warning-pod-security")
                == [
                    "would violate PodSecurity \"baseline:latest\": privileged (container \"buildkit\" must not set "
                        + "securityContext.privileged=true)"
                ])
        #expect(
            try await warnings("job-create-201-warning-dotted-name").first?.hasPrefix("metadata.name: this is") == true)
        let name = try #require(HTTPField.Name("Warning"))
        let both = PieceTransport(
            status: 201, fields: [name: #"299 - "one, \"two\"", 299 - "three""#],
            body: try Recording("job-create-201").body)
        #expect(try await client(both).createJob([:]).warnings == ["one, \"two\"", "three"])
    }
}
