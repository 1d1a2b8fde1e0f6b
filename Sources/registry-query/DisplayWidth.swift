extension Character {
    /// How many columns of a terminal it takes: two for East Asian wide characters and emoji, none for marks that stand alone, else one.
    ///
    /// A small rule for aligned columns: it knows the blocks that are wide as a whole, not each character, and terminals differ
    /// in what they make of joined emoji.
    ///
    /// Spec: Unicode Standard Annex 11.
    var columns: Int {
        guard let first = unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        if first.properties.isEmojiPresentation || Self.wide.contains(where: { $0.contains(first.value) }) { return 2 }
        return unicodeScalars.dropFirst().contains("\u{fe0f}") && first.properties.isEmoji && !first.isASCII ? 2 : 1
    }

    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x17000...0x18CFF, 0x1B000...0x1B2FF, 0x1F200...0x1F2FF, 0x20000...0x3FFFD,
    ]
}

extension StringProtocol {
    /// How many columns of a terminal the text takes.
    var columns: Int { reduce(0) { $0 + $1.columns } }

    /// The text in at most so many columns, with `…` at the end if something is missing.
    func cut(toColumns limit: Int) -> String {
        guard columns > limit else { return String(self) }
        guard limit > 0 else { return "" }
        var left = limit - 1
        var end = startIndex
        while end < endIndex, self[end].columns <= left {
            left -= self[end].columns
            end = index(after: end)
        }
        return self[..<end] + "…"
    }
}
