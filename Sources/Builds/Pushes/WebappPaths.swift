/// Which folders of a repository hold webapps: `WEBAPP_PATHS`.
///
/// Patterns are separated by commas, their segments by `/`; `*` stands for any text within one segment, and nothing
/// else is special. The folder that a pattern matches as a whole is a webapp's, and its last segment the webapp's name.
/// A pattern of nothing but `*` says nothing about which folders are webapps, so they have to prove it, and the other
/// patterns, which are believed, come before it.
public struct WebappPaths: Sendable, Equatable, CustomStringConvertible {
    /// More patterns than these are a mistake.
    static let mostPatterns = 64

    /// A folder, and the pattern that it is a webapp's by.
    struct Folder: Hashable {
        /// From the repository's root, without a slash at either end.
        var path: String
        /// The last segment.
        var name: String
        /// The number of the pattern, in the order in which they count.
        var pattern: Int
        /// Whether the pattern names anything.
        var isNamed: Bool
    }

    private struct Pattern: Sendable, Equatable {
        var segments: [[UInt8]]

        /// Whether any segment is more than a `*`.
        var isNamed: Bool { segments.contains { $0 != [UInt8(ascii: "*")] } }
    }

    /// The patterns as they were configured.
    public let description: String
    private let patterns: [Pattern]

    /// Takes patterns.
    /// - Throws: ``InvalidInput`` for the field `WEBAPP_PATHS`.
    public init(_ text: String) throws(InvalidInput) {
        var patterns: [Pattern] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            patterns.append(try Self.pattern(part))
        }
        guard patterns.count <= Self.mostPatterns else {
            throw InvalidInput(
                field: "WEBAPP_PATHS",
                "has \(patterns.count) patterns; at most \(Self.mostPatterns) are allowed, and `*` can stand for many")
        }
        // `*,apps/*` names what is in apps, which `*` alone would take for one webapp.
        self.patterns = patterns.filter(\.isNamed) + patterns.filter { !$0.isNamed }
        description = text
    }

    private static func pattern(_ text: Substring.UTF8View) throws(InvalidInput) -> Pattern {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var text = Substring(text).utf8.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        func refuse(_ reason: String) -> InvalidInput {
            InvalidInput(
                field: "WEBAPP_PATHS",
                "\(InvalidInput.quoted(String(Substring(text)))) \(reason); write folders such as *, app-*, apps/* or shop, "
                    + "separated by commas")
        }
        let segments = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { Array($0) }
        for segment in segments {
            guard !segment.isEmpty, segment != Array(".".utf8), segment != Array("..".utf8) else {
                throw refuse("has an empty segment, `.` or `..`")
            }
            guard segment.firstRange(of: Array("**".utf8)) == nil else {
                throw refuse("has `**`; `*` stands for text within one segment")
            }
            guard segment.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\\") }) else {
                throw refuse("has a control character or a backslash")
            }
        }
        return Pattern(segments: segments)
    }

    /// The folder of a webapp that a file lies in, by the first pattern that names it, or else the first that matches;
    /// `nil` if there is none.
    ///
    /// A path that no repository can have, such as one with `..`, lies in none.
    func folder(of file: String) -> Folder? {
        // Bytes, as Git compares them: `/` and an accent after it are one character, but two to Git.
        let segments = file.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.allSatisfy({ !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }) else {
            return nil
        }
        for (number, pattern) in patterns.enumerated() {
            let depth = pattern.segments.count
            guard segments.count > depth,
                zip(pattern.segments, segments).allSatisfy({ Self.matches($0[...], $1) })
            else { continue }
            let path = Substring(file.utf8[..<segments[depth - 1].endIndex])
            return Folder(
                path: String(path), name: String(Substring(segments[depth - 1])), pattern: number,
                isNamed: pattern.isNamed)
        }
        return nil
    }

    /// Whether a segment has the form of a pattern's: the shortest text for each `*` first, and more for the last one
    /// where that leads nowhere, so that the work is bounded by the product of both lengths.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: Substring.UTF8View) -> Bool {
        var (pattern, text) = (pattern, text)
        var retry: (pattern: ArraySlice<UInt8>, text: Substring.UTF8View)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                retry = (pattern, text)
            } else if let byte = text.first {
                if pattern.first == byte {
                    pattern.removeFirst()
                    text.removeFirst()
                } else if let last = retry {
                    (pattern, text) = (last.pattern, last.text.dropFirst())
                    retry = (pattern, text)
                } else {
                    return false
                }
            } else {
                return pattern.isEmpty
            }
        }
    }
}
