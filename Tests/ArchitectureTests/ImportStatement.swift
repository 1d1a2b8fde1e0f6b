/// One `import` of a Swift file.
struct ImportStatement: Equatable, CustomStringConvertible {
    /// The module, without a declaration in it: `Foundation` for `import struct Foundation.Data`.
    var module: String
    /// Where: path and line.
    var place: String

    var description: String { "\(place): import \(module)" }

    /// All imports of a text.
    ///
    /// Comments and strings have none: the style check refuses whatever else could begin a line this way.
    static func all(in text: String, path: String) -> [ImportStatement] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { number, line in
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
            words = words.drop { $0.hasPrefix("@") || accessLevels.contains(String($0)) }
            guard words.popFirst() == "import" else { return nil }
            if let kind = words.first, declarationKinds.contains(String(kind)) { words.removeFirst() }
            guard let name = words.first?.prefix(while: { $0 != "." && $0 != ";" }), !name.isEmpty else { return nil }
            return ImportStatement(module: String(name), place: "\(path):\(number + 1)")
        }
    }

    private static let accessLevels: Set = ["public", "package", "internal", "private", "fileprivate"]
    private static let declarationKinds: Set = [
        "struct", "class", "enum", "protocol", "typealias", "func", "let", "var", "actor",
    ]
}
