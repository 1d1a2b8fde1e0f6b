import FoundationEssentials
import Testing

@testable import RegistryQueryAPI

struct JSONTests {
    @Test(
        "reads what RFC 8259 allows",
        arguments: [
            ("null", JSONValue.null), (" true ", true), ("false", false), ("-0", .number("-0")),
            ("12.5e+3", .number("12.5e+3")), ("0.1", .number("0.1")), (#""""#, ""),
            (#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
            (#""\u00e9\ud83d\ude00""#, "\u{e9}\u{1f600}"), ("\"\u{e9}\u{1f600}\"", "\u{e9}\u{1f600}"), ("[]", []),
            ("[ 1 , [ ] ]", [1, []]),
            ("{}", [:]), (#"{"a":{"b":null},"a":1}"#, ["a": ["b": nil], "a": 1]), ("\t\n\r [1]", [1]),
        ] as [(String, JSONValue)])
    func reads(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(Array(text.utf8)) == value)
    }

    @Test(
        "refuses what it does not, and says where",
        arguments: [
            ("", 1, 1), ("{", 1, 2), (#"{"a" 1}"#, 1, 6), (#"{"a":1,}"#, 1, 8), ("[1,]", 1, 4), ("[1 2]", 1, 4),
            ("tru", 1, 4),
            ("01", 1, 2), ("1.", 1, 3), ("-", 1, 2), ("1e", 1, 3), ("+1", 1, 1), (".5", 1, 1), ("NaN", 1, 1),
            ("'a'", 1, 1),
            ("{\n \"a\": 1,\n b: 2}", 3, 2), ("[1] x", 1, 5), ("// c\n1", 1, 1), ("\u{feff}1", 1, 1), (#""\x""#, 1, 3),
            (#""\u12g4""#, 1, 6), (#""\ud800""#, 1, 8), (#""\udc00""#, 1, 8), (#""\ud800\u0041""#, 1, 14),
            ("\"a\nb\"", 1, 3), ("\"a", 1, 3),
            (#"{1:2}"#, 1, 2), ("{\"a\":1 \"b\":2}", 1, 8),
        ])
    func refuses(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
        #expect(error?.line == line && error?.column == column, "\(String(describing: error))")
    }

    @Test(
        "refuses strings that are not UTF-8",
        arguments: [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80]] as [[UInt8]])
    func refusesBadUTF8(bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([0x22] + bytes + [0x22]) }
    }

    @Test("bounds the nesting")
    func boundsNesting() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(throws: Never.self) { try JSONParser.parse(nested(JSONParser.deepest)) }
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(nested(JSONParser.deepest + 1)) }
        #expect(throws: JSONSyntaxError.self) {
            try JSONParser.parse(Array(String(repeating: "[", count: 1_000_000).utf8))
        }
    }

    @Test("writes what it reads, and what Foundation reads")
    func writes() throws {
        let value: JSONValue = [
            "text": .string("\"\\/\u{0}\u{1f}\u{7f}\u{e9}\u{1f600}\n\r\t"), "list": [1, true, nil, ["x": []]],
            "empty": [:],
            "number": .seconds(.milliseconds(12_345)),
        ]
        #expect(try JSONParser.parse(value.utf8) == value)
        struct Foreign: Decodable, Equatable {
            var text: String
            var number: Double
        }
        let foreign = try JSONDecoder().decode(Foreign.self, from: Data(value.utf8))
        #expect(foreign == Foreign(text: "\"\\/\u{0}\u{1f}\u{7f}\u{e9}\u{1f600}\n\r\t", number: 12.345))
    }

    @Test(
        "writes times in UTC to the millisecond",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_763_841_600.345, "2025-11-22T20:00:00.345Z"),
            (1_763_841_600.9996, "2025-11-22T20:00:01.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
        ])
    func writesTimes(seconds: Double, text: String) {
        #expect(JSONValue.time(Date(timeIntervalSince1970: seconds)) == .string(text))
    }
}
