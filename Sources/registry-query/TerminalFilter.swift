/// Takes out of a text what a terminal would obey: control characters, escape sequences, changes of the direction of writing.
///
/// What is left is shown as it stands. A sequence that is not ended goes to the end of its line and no further.
///
/// Spec: ECMA-48 sections 5.3 to 5.6; Unicode Standard Annex 9 for the direction.
struct TerminalFilter {
    /// Whether sequences that choose colour and style (SGR) stay.
    private let keepsColours: Bool
    private var state = State.text
    /// The control sequence so far.
    private var sequence = String.UnicodeScalarView()
    /// The beginning of a character whose other bytes have not come yet.
    private var rest: [UInt8] = []
    private var endsInCarriageReturn = false

    private enum State {
        case text
        /// After ESC, and what may stand between it and its last character.
        case escape
        /// After ESC and `[`.
        case control
        /// A string for the terminal, such as a window title or what goes into the clipboard.
        case string
        /// ESC within such a string.
        case stringEscape
    }

    /// The longest choice of colours that stays.
    private static let longestSequence = 64

    init(keepsColours: Bool = false) {
        self.keepsColours = keepsColours
    }

    /// What may be shown of the next bytes; those of an unfinished character wait for the others.
    mutating func text(_ bytes: [UInt8]) -> String {
        let all = rest + bytes
        let end = all.count - Self.unfinished(all)
        rest = Array(all[end...])
        return text(String(decoding: all[..<end], as: UTF8.self))
    }

    /// What may be shown of the next piece of a text.
    mutating func text(_ piece: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in piece.unicodeScalars { take(scalar, &shown) }
        return String(shown)
    }

    private mutating func take(_ scalar: Unicode.Scalar, _ shown: inout String.UnicodeScalarView) {
        defer { endsInCarriageReturn = scalar == "\r" }
        if scalar == "\n" || scalar == "\r" {
            state = .text
            // A line that is written over is shown as two: what stood there first counts as well.
            if scalar == "\r" || !endsInCarriageReturn { shown.append("\n") }
            return
        }
        switch state {
        case .text: takeText(scalar, &shown)
        case .escape: takeEscape(scalar)
        case .control: takeControl(scalar, &shown)
        case .string:
            if scalar == "\u{1b}" { state = .stringEscape }
            if scalar == "\u{7}" || scalar == "\u{9c}" { state = .text }
        case .stringEscape: state = scalar == "\\" ? .text : .string
        }
    }

    private mutating func takeText(_ scalar: Unicode.Scalar, _ shown: inout String.UnicodeScalarView) {
        switch scalar {
        case "\u{1b}": state = .escape
        case "\u{9b}": beginControl()
        case "\u{90}", "\u{98}", "\u{9d}", "\u{9e}", "\u{9f}": state = .string
        case "\t": shown.append(scalar)
        case "\u{200e}", "\u{200f}", "\u{061c}", "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}": break
        // They would be lines of their own.
        case "\u{2028}", "\u{2029}": shown.append(" ")
        default:
            if scalar.properties.generalCategory != .control { shown.append(scalar) }
        }
    }

    private mutating func takeEscape(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "[": beginControl()
        case "]", "P", "X", "^", "_": state = .string
        case " "..."/", "\u{1b}": break
        default: state = .text
        }
    }

    private mutating func beginControl() {
        state = .control
        sequence = String.UnicodeScalarView()
    }

    private mutating func takeControl(_ scalar: Unicode.Scalar, _ shown: inout String.UnicodeScalarView) {
        switch scalar {
        case "0"..."9", ";", ":":
            if sequence.count <= Self.longestSequence { sequence.append(scalar) }
        case " "..."?":
            // With a private parameter or an intermediate character it is no choice of colours, whatever ends it.
            sequence = String.UnicodeScalarView(repeating: scalar, count: Self.longestSequence + 1)
        case "@"..."~":
            if scalar == "m", keepsColours, sequence.count <= Self.longestSequence {
                shown.append(contentsOf: "\u{1b}[\(String(sequence))m".unicodeScalars)
            }
            state = .text
        case "\u{1b}": state = .escape
        default: break
        }
    }

    /// How many bytes at the end begin a character that goes on.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for (index, byte) in bytes.reversed().prefix(3).enumerated() where byte & 0xc0 != 0x80 {
            let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
            return length > index + 1 ? index + 1 : 0
        }
        return 0
    }
}

extension String {
    /// The text without what a terminal would obey; lines stay lines.
    var printable: String {
        var filter = TerminalFilter()
        return filter.text(self)
    }

    /// The same on one line, without space at its ends.
    var printableLine: String {
        var line = printable.map { $0.isWhitespace ? " " : $0 }[...]
        while line.last == " " { line.removeLast() }
        return String(line.drop { $0 == " " })
    }
}
