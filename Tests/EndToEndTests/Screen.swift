/// What stands on a terminal: knows the few sequences that the program may use, and counts all others as trouble.
struct Screen {
    private(set) var lines: [[Character]]
    private(set) var isCursorVisible = true
    /// Sequences and control characters that the program must not use, and writing beyond the last column.
    private(set) var trouble: [String] = []
    /// Colours and styles that were chosen.
    private(set) var styles: Set<String> = []
    private let columns: Int
    private let rows: Int
    private var row = 0
    private var column = 0

    init(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        lines = Array(repeating: [], count: rows)
    }

    /// The lines that have something on them.
    var text: [String] {
        lines.map { line in
            var line = String(line)
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }.filter { !$0.isEmpty }
    }

    mutating func write(_ text: some StringProtocol) {
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\u{1b}":
                guard rest.popFirst() == "[" else {
                    trouble.append("ESC without [")
                    continue
                }
                let parameters = String(String.UnicodeScalarView(rest.prefix { !("@"..."~").contains($0) }))
                rest = rest.dropFirst(parameters.unicodeScalars.count)
                obey(parameters, rest.popFirst().map { String($0) } ?? "")
            case "\r": column = 0
            case "\n": lineFeed()
            case " "..."~", "\u{a0}"...: put(Character(scalar))
            default: trouble.append("U+\(String(scalar.value, radix: 16))")
            }
        }
    }

    private mutating func obey(_ parameters: String, _ command: String) {
        switch (parameters, command) {
        case (_, "m"): styles.insert(parameters)
        case ("", "K"): lines[row] = Array(lines[row].prefix(column))
        case ("", "J"):
            lines[row] = Array(lines[row].prefix(column))
            for index in lines.indices where index > row { lines[index] = [] }
        case ("?25", "l"): isCursorVisible = false
        case ("?25", "h"): isCursorVisible = true
        case (_, "A"): row = max(0, row - (Int(parameters) ?? 1))
        default: trouble.append("CSI \(parameters)\(command)")
        }
    }

    private mutating func lineFeed() {
        row += 1
        guard row == rows else { return }
        row -= 1
        lines.removeFirst()
        lines.append([])
    }

    private mutating func put(_ character: Character) {
        if column >= columns { trouble.append("column \(column)") }
        while lines[row].count <= column { lines[row].append(" ") }
        lines[row][column] = character
        column += 1
    }
}
