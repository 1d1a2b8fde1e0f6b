import FoundationEssentials
import Testing

@testable import registry_query

@Suite("What people are shown on a terminal")
struct TerminalTextTests {
    @Test(
        "what a terminal would obey is left out, and nothing else",
        arguments: [
            ("plain, ä 漢 👩‍🚀\ttab", "plain, ä 漢 👩‍🚀\ttab"),
            ("a\u{1b}[2Jb\u{1b}[31mc\u{1b}[0md", "abcd"),
            ("a\u{1b}]0;title\u{7}b\u{1b}]52;c;AAAA\u{1b}\\c", "abc"),
            ("a\u{1b}Pq#0\u{1b}\\b\u{1b}_x\u{1b}\\c\u{1b}^x\u{9c}d", "abcd"),
            ("a\u{9b}2Jb\u{9d}0;x\u{9c}c\u{85}d\u{7f}e\u{8}\u{7}\0f", "abcdef"),
            ("a\u{1b}(0b\u{1b}7c\u{1b}#8d\u{1b}\u{1b}[1me", "abcde"),
            // A sequence that has no end takes its line only.
            ("a\u{1b}]0;never\nb\u{1b}[12\nc\u{1b}", "a\nb\nc"),
            ("10 %\r20 %\r\nend", "10 %\n20 %\nend"),
            ("\u{202e}drowssap\u{202c} \u{2066}x\u{2069}\u{200f}\u{2028}y", "drowssap x y"),
        ])
    func filter(text: String, shown: String) {
        #expect(text.printable == shown)
        // Cut anywhere, also within a character.
        for size in [1, 2, 3, 5] {
            var filter = TerminalFilter()
            let bytes = Array(text.utf8)
            let pieces = stride(from: 0, to: bytes.count, by: size).map { start in
                filter.text(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            #expect(pieces.joined() == shown, "in pieces of \(size)")
        }
    }

    @Test("colours may stay, and only colours")
    func colours() {
        var filter = TerminalFilter(keepsColours: true)
        let long = "\u{1b}[" + String(repeating: "1;", count: 100) + "m"
        #expect(
            filter.text("\u{1b}[1;31mred\u{1b}[m \u{1b}[38:5:1mx \u{1b}[?25l\u{1b}[>4;1m\u{1b}[3 m\u{1b}[H\(long)end")
                == "\u{1b}[1;31mred\u{1b}[m \u{1b}[38:5:1mx end")
    }

    @Test("bytes that are no text, and a character that is never finished, are shown as such")
    func noText() {
        var filter = TerminalFilter()
        #expect(filter.text([0x61, 0xff, 0x62, 0xf0, 0x9f]) == "a\u{fffd}b")
        #expect(filter.text([0x63]) == "\u{fffd}c")
    }

    @Test("JSON says the same with its control characters escaped")
    func json() throws {
        let text = "{\"a\":\"\u{9b}2J\u{7f}ä\"}"
        #expect(text.withEscapedControls == #"{"a":"\u009b2J\u007fä"}"#)
        #expect(
            try JSONDecoder().decode([String: String].self, from: Data(text.withEscapedControls.utf8))
                == ["a": "\u{9b}2J\u{7f}ä"])
    }

    @Test(
        "how wide a text is",
        arguments: [
            ("", 0), ("abc", 3), ("äöü", 3), ("e\u{301}", 1), ("漢字", 4), ("한글", 4), ("ｆｕｌｌ", 8), ("ﾊﾝ", 2),
            ("👍", 2), ("👍🏽", 2), ("👩‍🚀", 2), ("🇩🇪", 2), ("✈️", 2), ("✈", 1), ("1️", 1), ("\u{301}", 0), ("█░…", 3),
        ])
    func width(text: String, columns: Int) {
        #expect(text.columns == columns)
    }

    @Test("a text that is too long ends in …, and is never wider than it may be")
    func cut() {
        #expect("abcdef".cut(toColumns: 6) == "abcdef")
        #expect("abcdef".cut(toColumns: 5) == "abcd…")
        #expect("漢字漢字".cut(toColumns: 6) == "漢字…")
        #expect("漢字漢字".cut(toColumns: 4) == "漢…")
        #expect("abc".cut(toColumns: 1) == "…" && "abc".cut(toColumns: 0) == "")
        let styled = StyledText("漢字", .red) + StyledText("ab", .bold) + StyledText("漢字")
        for limit in 0...12 {
            let cut = styled.cut(toColumns: limit)
            #expect(cut.columns <= limit)
            #expect(cut.text(inColour: false).hasSuffix("…") == (limit > 0 && limit < 10), "\(limit)")
        }
        #expect(styled.text(inColour: true) == "\u{1b}[31m漢字\u{1b}[0m\u{1b}[1mab\u{1b}[0m漢字")
        #expect(styled.text(inColour: false) == "漢字ab漢字")
    }

    @Test("a table is aligned by what is seen, and keeps to the width of the terminal")
    func table() {
        var table = Table("NAME", "N", "TEXT")
        table.add("漢字", StyledText(line: "1", .green), StyledText(line: "one\ntwo\u{1b}[2J"))
        table.add("a", "22", "")
        #expect(
            table.text(columns: .max).text(inColour: false) == """
                NAME  N   TEXT
                漢字  1   one two
                a     22

                """)
        for columns in 1...20 {
            let lines = table.text(columns: columns).text(inColour: false).split(separator: "\n")
            #expect(lines.count == 3 && lines.allSatisfy { $0.columns <= columns })
        }
    }

    @Test("a table takes time as it has rows, not as their square")
    func longTable() {
        func time(_ rows: Int) -> Duration {
            var table = Table("A", "B", "C")
            for row in 0..<rows { table.add(StyledText(line: "\(row)"), "b", "c") }
            return processorTime { #expect(table.text(columns: 80).text(inColour: false).count > rows * 6) }
        }
        _ = time(100)
        // Forty times as many rows; with their square it would be some 1600 times as long.
        let (short, long) = ((0..<3).map { _ in time(250) }.min() ?? .zero, time(10_000))
        #expect(long < short * 200, "\(short), \(long)")
    }

    @Test(
        "how long ago something was",
        arguments: [
            ("2026-08-21T14:00:00Z", "0 s"), ("2026-08-21T13:59:01.250Z", "58 s"), ("2026-08-21T13:00:01Z", "59 min"),
            ("2026-08-20T15:00:00Z", "23 h"), ("2025-08-21T14:00:00Z", "365 d"), ("2026-08-21T14:00:05Z", "0 s"),
            ("yesterday", "-"), (nil, "-"),
        ] as [(String?, String)])
    func age(time: String?, age: String) throws {
        let now = try Date("2026-08-21T14:00:00Z", strategy: .iso8601)
        #expect(Present.age(time, now: now) == age)
    }

    @Test("durations are rounded to what a person reads")
    func durations() {
        #expect(Present.seconds(.seconds(59.9)) == "59 s" && Present.seconds(.seconds(65)) == "1 min 5 s")
        #expect(Present.seconds(.seconds(7380)) == "2 h 3 min")
        #expect(Present.duration(.milliseconds(3250)) == "3.2 s" && Present.duration(.seconds(250)) == "4 min 10 s")
    }

    @Test("the last line of a log is the last that is not blank, without what a terminal would obey")
    func logTail() {
        var tail = LogTail()
        #expect(tail.read(Array("first\n\u{1b}[32mse".utf8)) == "se")
        #expect(tail.read(Array("cond\u{1b}[0m\n\n  \n".utf8)) == "second")
        #expect(tail.read(Array("10 %\r20 %\r".utf8)) == "20 %")
        #expect(tail.read([UInt8](repeating: 0x61, count: 100_000)).count == 1000)
        #expect(tail.read(Array("\nend\n".utf8)) == "end")
    }
}
