extension SemanticVersion {
    /// The version that the text spells, exactly as the specification's grammar has it.
    ///
    /// The time taken grows with the length of the text, which is not limited here.
    ///
    /// Spec: SemVer 2.0.0, "Backus-Naur Form Grammar for Valid SemVer Versions".
    ///
    /// - Throws: An error that names the part that is wrong: `v1.2.3`, `1.2`, `01.2.3` and `1.2.3-` are no versions.
    public init(parsing text: String) throws(SemanticVersionError) {
        let pieces = VersionPieces(of: text)
        self.init(
            major: try pieces.number(0, .major), minor: try pieces.number(1, .minor),
            patch: try pieces.number(2, .patch), prerelease: try pieces.prereleaseIdentifiers(),
            buildMetadata: try pieces.buildIdentifiers())
    }

    /// The version that the text spells, or nil if it spells none.
    public init?(_ text: String) {
        guard let version = try? SemanticVersion(parsing: text) else { return nil }
        self = version
    }
}

/// A text cut where a version's parts meet, each part unchecked until it is asked for.
struct VersionPieces {
    /// The whole text.
    let text: String
    /// What the dots of the core separate; the third piece keeps any further dots, where they are found to be wrong.
    let numbers: [Substring]
    /// What follows the first `-` before the `+`, nil without one.
    let prerelease: Substring?
    /// What follows the first `+`, nil without one.
    let buildMetadata: Substring?

    /// Cuts the text.
    ///
    /// Bytes are searched, not characters: a `+` followed by a combining mark is one character, yet no `+`.
    init(of text: String) {
        self.text = text
        let plus = text.utf8.firstIndex(of: UInt8(ascii: "+"))
        let beforePlus = text[..<(plus ?? text.endIndex)]
        let hyphen = beforePlus.utf8.firstIndex(of: UInt8(ascii: "-"))
        numbers = beforePlus[..<(hyphen ?? beforePlus.endIndex)].pieces(upTo: 3)
        prerelease = hyphen.map { beforePlus[$0...].dropFirstByte }
        buildMetadata = plus.map { text[$0...].dropFirstByte }
    }

    /// The number of that index.
    func number(_ index: Int, _ part: SemanticVersionError.Part) throws(SemanticVersionError) -> NumericIdentifier {
        let digits = index < numbers.count ? numbers[index] : ""
        if let problem = NumericIdentifier.problem(in: digits) {
            throw SemanticVersionError(part: part, problem: problem, text: text)
        }
        return NumericIdentifier(validated: digits)
    }

    /// The identifiers after the `-`, none without one.
    func prereleaseIdentifiers() throws(SemanticVersionError) -> [PrereleaseIdentifier] {
        guard let prerelease else { return [] }
        var identifiers: [PrereleaseIdentifier] = []
        for piece in prerelease.pieces() {
            if let problem = PrereleaseIdentifier.problem(in: piece) {
                throw SemanticVersionError(part: .prerelease, problem: problem, text: text)
            }
            identifiers.append(PrereleaseIdentifier(validated: piece))
        }
        return identifiers
    }

    /// The identifiers after the `+`, none without one.
    func buildIdentifiers() throws(SemanticVersionError) -> [String] {
        guard let buildMetadata else { return [] }
        var identifiers: [String] = []
        for piece in buildMetadata.pieces() {
            guard !piece.isEmpty, piece.utf8.allSatisfy(\.isIdentifierCharacter) else {
                let problem: SemanticVersionError.Problem = piece.isEmpty ? .emptyIdentifier : .unexpectedCharacter
                throw SemanticVersionError(part: .buildMetadata, problem: problem, text: text)
            }
            identifiers.append(String(piece))
        }
        return identifiers
    }
}

extension Substring {
    /// What stands between the dots, the last piece with the dots that are left.
    func pieces(upTo limit: Int = .max) -> [Substring] {
        utf8.split(separator: UInt8(ascii: "."), maxSplits: limit - 1, omittingEmptySubsequences: false)
            .map(Substring.init)
    }

    /// The text without its first byte, which must be ASCII.
    var dropFirstByte: Substring { Substring(utf8.dropFirst()) }
}
