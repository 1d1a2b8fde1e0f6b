extension ConventionalCommit {
    /// The commit of that message, or nil if its first line does not follow the specification.
    ///
    /// Lines end with LF or CRLF; empty lines at the start are skipped, as Git does. Footers begin with the first paragraph
    /// after the first line whose own first line is a footer, and reach to the end: a footer's value may span lines and
    /// paragraphs up to the next footer (item 10). `BREAKING CHANGE: ` anywhere else, within a paragraph of the body, on the
    /// first line or directly below it, is text.
    ///
    /// The time taken grows with the length of the message, which is not limited here.
    ///
    /// Spec: Conventional Commits 1.0.0 items 1 to 16.
    public init?(_ message: String) {
        let lines = message.lines.drop(while: \.isBlank)
        guard let first = lines.first, let header = Header(first) else { return nil }
        type = header.type
        scope = header.scope
        summary = header.summary

        let rest = lines.dropFirst()
        let footerStart =
            zip(rest.indices, rest.indices.dropFirst())
            .first { rest[$0].isBlank && FooterStart(rest[$1]) != nil }?.1 ?? rest.endIndex
        body = rest[..<footerStart].text
        footers = Self.footers(in: rest[footerStart...])
        isBreaking = header.isBreaking || footers.contains(where: \.isBreakingChange)
    }

    private static func footers(in lines: ArraySlice<Substring>) -> [Footer] {
        let starts = lines.indices.compactMap { index in FooterStart(lines[index]).map { (index, $0) } }
        let ends = starts.dropFirst().map(\.0) + [lines.endIndex]
        return zip(starts, ends).map { start, end in
            Footer(
                token: String(start.1.token), value: ([start.1.value] + lines[(start.0 + 1)..<end]).text,
                isBreakingChange: start.1.isBreakingChange)
        }
    }
}

/// The first line: `type(scope)!: summary`, with scope and `!` optional.
///
/// Spec: items 1, 4, 5 and 13.
private struct Header {
    let type: String
    let scope: String?
    let isBreaking: Bool
    let summary: String

    init?(_ line: Substring) {
        guard let (prefix, summary) = line.cut(at: ": "), !summary.isBlank else { return nil }
        var rest = prefix[...]
        let typeEnd = rest.utf8.firstIndex { $0 <= UInt8(ascii: " ") || "()!:".utf8.contains($0) } ?? rest.endIndex
        guard typeEnd > rest.startIndex else { return nil }
        type = rest[..<typeEnd].lowercased()
        rest = rest[typeEnd...]

        if rest.utf8.first == UInt8(ascii: "(") {
            guard let (scope, afterScope) = rest.dropFirstByte.cut(at: ")"), !scope.isBlank,
                !scope.utf8.contains(UInt8(ascii: "("))
            else { return nil }
            self.scope = String(scope)
            rest = afterScope
        } else {
            scope = nil
        }
        isBreaking = rest.utf8.elementsEqual("!".utf8)
        guard isBreaking || rest.isEmpty else { return nil }
        self.summary = [summary].text
    }
}

/// The beginning of a footer: `Token: value`, `Token #value`, `BREAKING CHANGE: value`.
///
/// Spec: items 8, 9, 12 and 16.
private struct FooterStart {
    let token: Substring
    let value: Substring
    let isBreakingChange: Bool

    init?(_ line: Substring) {
        if let (token, value) = line.cut(at: ": "), token == "BREAKING CHANGE" || token == "BREAKING-CHANGE" {
            guard !value.isBlank else { return nil }
            (self.token, self.value, isBreakingChange) = (token, value, true)
            return
        }
        guard let end = line.utf8.firstIndex(where: { !$0.isIdentifierCharacter }), end > line.startIndex else {
            return nil
        }
        let rest = line[end...]
        guard rest.utf8.starts(with: ": ".utf8) || rest.utf8.starts(with: " #".utf8) else { return nil }
        token = line[..<end]
        value = rest.dropFirstByte.dropFirstByte
        isBreakingChange = false
        if value.isBlank { return nil }
    }
}

extension String {
    /// The lines without what ends them.
    ///
    /// Bytes are looked at, for CRLF is a single character to Swift.
    fileprivate var lines: [Substring] {
        utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
    }
}

extension Substring {
    /// Whether there is nothing but spaces and tabs.
    fileprivate var isBlank: Bool { utf8.allSatisfy(\.isBlank) }

    /// What stands before and after the first occurrence of a separator, nil without one.
    fileprivate func cut(at separator: String) -> (Substring, Substring)? {
        var index = utf8.startIndex
        while let start = utf8[index...].firstIndex(where: { $0 == separator.utf8.first }) {
            if utf8[start...].starts(with: separator.utf8) {
                return (self[..<start], self[utf8.index(start, offsetBy: separator.utf8.count)...])
            }
            index = utf8.index(after: start)
        }
        return nil
    }
}

extension Collection where Element == Substring {
    /// The lines as one text, without space at its ends.
    fileprivate var text: String {
        let bytes = joined(separator: "\n").utf8
        let isSpace = { (byte: UInt8) in byte.isBlank || byte == UInt8(ascii: "\n") }
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
