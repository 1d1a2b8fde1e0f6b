/// Text in columns that are as wide as their longest cell.
struct Table {
    private let header: [StyledText]
    private var rows: [[StyledText]] = []

    init(_ header: String...) {
        self.header = header.map { StyledText(line: $0, .bold) }
    }

    mutating func add(_ cells: StyledText...) { rows.append(cells) }

    /// The lines, without space at their ends.
    /// - Parameter columns: The most that a line may take: the last cell is cut where it would be longer.
    func text(columns limit: Int) -> StyledText {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].columns }.max() ?? 0 }
        return ([header] + rows).reduce(StyledText("")) { text, row in
            let last = row.lastIndex { $0.columns > 0 } ?? 0
            let line = row.indices.prefix(last + 1).reduce(StyledText("")) { line, column in
                line + (column == last ? row[column] : row[column].padded(toColumns: widths[column] + 2))
            }
            return text + line.cut(toColumns: limit) + "\n"
        }
    }
}
