extension VersionRange {
    /// The range that the text spells.
    ///
    /// - Throws: An error that says what is wrong and where; also for more than 256 characters.
    public init(parsing text: String) throws(VersionRangeError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw VersionRangeError(
                text: text, offset: Self.maximumLength, reason: "it is longer than \(Self.maximumLength) characters")
        }
        var parser = VersionRangeParser(text: text)
        alternatives = try parser.alternatives()
        description = parser.trimmedText
    }
}

/// Reads a range from left to right.
///
/// Grammar: `range = alternative *("||" alternative)`, `alternative = term *([","] term)`,
/// `term = partial " - " partial / [operator] partial`, with spaces and tabs between tokens, and two terms kept apart by
/// some or by a comma.
private struct VersionRangeParser {
    let text: String
    let bytes: [UInt8]
    var position = 0

    init(text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    /// The text without the space around it, `*` where nothing is left.
    var trimmedText: String {
        guard let first = bytes.firstIndex(where: { !$0.isBlank }), let last = bytes.lastIndex(where: { !$0.isBlank })
        else { return "*" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }

    mutating func alternatives() throws(VersionRangeError) -> [VersionRange.Alternative] {
        skipBlanks()
        if position == bytes.endIndex { return [VersionRange.Alternative()] }
        var alternatives = [try alternative()]
        while skip("||") {
            skipBlanks()
            alternatives.append(try alternative())
        }
        return alternatives
    }

    /// Reads up to the next `||` or the end.
    private mutating func alternative() throws(VersionRangeError) -> VersionRange.Alternative {
        var alternative = VersionRange.Alternative()
        while true {
            try term(into: &alternative)
            let hasSpace = skipBlanks()
            if position == bytes.endIndex || isNext("||") { return alternative }
            let hasComma = skip(",")
            skipBlanks()
            guard hasSpace || hasComma else { throw error("a space, a comma or '||' is missing") }
        }
    }

    private mutating func term(into alternative: inout VersionRange.Alternative) throws(VersionRangeError) {
        let symbol = try comparison()
        skipBlanks()
        let operand = try partialVersion()
        if symbol != .notEqual, let version = operand.version { alternative.name(version) }
        switch symbol {
        case .equal:
            alternative.require(.init(lower: operand.floor, upper: operand.ceiling))
        case .notEqual:
            alternative.exclude(.init(lower: operand.floor, upper: operand.ceiling))
        case .atLeast:
            alternative.require(.init(lower: operand.floor))
        case .below:
            alternative.require(.init(upper: operand.floor))
        case .atMost:
            alternative.require(.init(upper: operand.ceiling))
        case .above:
            // Nothing is above all versions.
            alternative.require(operand.ceiling.map { .init(lower: $0) } ?? .init(upper: .lowest))
        case .tilde:
            alternative.require(.init(lower: operand.floor, upper: operand.tildeCeiling))
        case .caret:
            alternative.require(.init(lower: operand.floor, upper: operand.caretCeiling))
        case nil:
            guard try skipRangeHyphen() else {
                alternative.require(.init(lower: operand.floor, upper: operand.ceiling))
                return
            }
            let end = try partialVersion()
            if let version = end.version { alternative.name(version) }
            let lower = operand.prerelease.isEmpty ? operand.firstPrerelease : operand.floor
            alternative.require(.init(lower: lower, upper: end.ceiling))
        }
    }

    private enum Comparison {
        case equal
        case notEqual
        case atLeast
        case below
        case atMost
        case above
        case tilde
        case caret
    }

    private static let comparisons: [String: Comparison] = [
        "=": .equal, "!=": .notEqual, ">=": .atLeast, "<": .below, "<=": .atMost, ">": .above, "~": .tilde,
        "~>": .tilde,
        "^": .caret,
    ]

    /// Reads an operator, nil where there is none.
    private mutating func comparison() throws(VersionRangeError) -> Comparison? {
        let start = position
        let symbol = take { "=!<>~^".utf8.contains($0) }
        if symbol.isEmpty { return nil }
        guard let comparison = Self.comparisons[symbol] else {
            throw error("\(symbol.excerpt) is no operator; there are = != > >= < <= ~ ~> ^", at: start)
        }
        return comparison
    }

    private mutating func partialVersion() throws(VersionRangeError) -> PartialVersion {
        let start = position
        let word = take { !$0.isBlank && !"=!<>~^,|".utf8.contains($0) }
        guard !word.isEmpty else { throw error("a version is missing", at: start) }
        do throws(PartialVersion.Problem) {
            return try PartialVersion(parsing: word)
        } catch {
            throw self.error(error.reason, at: start)
        }
    }

    /// Skips the ` - ` between two versions, if it is what comes next.
    private mutating func skipRangeHyphen() throws(VersionRangeError) -> Bool {
        let start = position
        if skipBlanks(), skip("-") {
            guard skipBlanks() else { throw error("a hyphen between two versions needs space on both sides") }
            return true
        }
        position = start
        return false
    }

    @discardableResult
    private mutating func skipBlanks() -> Bool {
        !take(while: \.isBlank).isEmpty
    }

    private mutating func skip(_ token: String) -> Bool {
        guard isNext(token) else { return false }
        position += token.utf8.count
        return true
    }

    private func isNext(_ token: String) -> Bool {
        bytes[position...].starts(with: token.utf8)
    }

    private mutating func take(while belongs: (UInt8) -> Bool) -> String {
        let taken = bytes[position...].prefix(while: belongs)
        position = taken.endIndex
        return String(decoding: taken, as: UTF8.self)
    }

    private func error(_ reason: String, at offset: Int? = nil) -> VersionRangeError {
        VersionRangeError(text: text, offset: offset ?? position, reason: reason)
    }
}
