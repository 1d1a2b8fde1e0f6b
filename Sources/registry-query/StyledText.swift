/// Text for people: every text that is printed for them is one.
///
/// What others wrote, a service or a commit, is in it without what a terminal would obey; colours are those that the
/// program chose, and are shown on a terminal only.
struct StyledText: Sendable, ExpressibleByStringInterpolation {
    /// A colour or weight of the terminal's own palette.
    enum Style: String, Sendable {
        case plain = ""
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
    }

    private var pieces: [(text: String, style: Style)] = []

    /// A text that may have several lines.
    init(_ text: String, _ style: Style = .plain) {
        pieces = [(text.printable, style)]
    }

    /// A text on one line, whatever is in it.
    init(line: String, _ style: Style = .plain) {
        pieces = [(line.printableLine, style)]
    }

    init(stringLiteral value: String) {
        self.init(value)
    }

    static func + (left: StyledText, right: StyledText) -> StyledText {
        var all = left
        all.pieces += right.pieces
        return all
    }

    static func += (left: inout StyledText, right: StyledText) { left.pieces += right.pieces }

    /// How many columns a line takes.
    var columns: Int { pieces.reduce(0) { $0 + $1.text.columns } }

    /// The line in at most so many columns.
    func cut(toColumns limit: Int) -> StyledText {
        guard columns > limit else { return self }
        var left = limit
        var result = self
        result.pieces = []
        for (text, style) in pieces {
            guard text.columns >= left else {
                result.pieces.append((text, style))
                left -= text.columns
                continue
            }
            // Something is missing, here or in the pieces that follow; longer than what is left, it is cut in any case.
            result.pieces.append(((text + "  ").cut(toColumns: left), style))
            break
        }
        return result
    }

    /// The line with spaces up to a width.
    func padded(toColumns width: Int) -> StyledText {
        self + StyledText(String(repeating: " ", count: max(0, width - columns)))
    }

    /// What is written.
    func text(inColour: Bool) -> String {
        pieces.map { text, style in
            inColour && style != .plain && !text.isEmpty ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
        }.joined()
    }
}
