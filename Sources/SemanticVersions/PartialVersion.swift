/// A version as a range may write it: numbers may be left out or be `x`, `X` or `*`, from the right.
///
/// Spec: npm semver "Range Grammar", `partial`.
struct PartialVersion {
    /// The numbers as far as they are given, at most three.
    let numbers: [NumericIdentifier]
    /// The prerelease, empty unless all three numbers are given.
    let prerelease: [PrereleaseIdentifier]

    /// What keeps a text from being a partial version.
    struct Problem: Error {
        let reason: String
    }

    init(parsing text: String) throws(Problem) {
        let isPrefixed = text.utf8.first == UInt8(ascii: "v")
        let pieces = VersionPieces(of: isPrefixed ? String(text[...].dropFirstByte) : text)
        let count = pieces.numbers.prefix { !Self.wildcards.contains($0) }.count
        do throws(SemanticVersionError) {
            let parts: [SemanticVersionError.Part] = [.major, .minor, .patch]
            var numbers: [NumericIdentifier] = []
            for (index, part) in parts.prefix(count).enumerated() { numbers.append(try pieces.number(index, part)) }
            self.numbers = numbers
            prerelease = try pieces.prereleaseIdentifiers()
            _ = try pieces.buildIdentifiers()
        } catch {
            throw Problem(reason: "the \(error.part.rawValue) of \(text.excerpt) \(error.problem.rawValue)")
        }
        guard pieces.numbers.dropFirst(count).allSatisfy(Self.wildcards.contains) else {
            throw Problem(reason: "\(text.excerpt) has a number after a wildcard")
        }
        guard numbers.count == 3 || (pieces.prerelease == nil && pieces.buildMetadata == nil) else {
            throw Problem(reason: "\(text.excerpt) needs three numbers before a prerelease or build metadata")
        }
    }

    /// The version, if all three numbers are given.
    var version: SemanticVersion? {
        guard numbers.count == 3 else { return nil }
        return SemanticVersion(major: numbers[0], minor: numbers[1], patch: numbers[2]).with(prerelease)
    }

    /// The lowest version that matches: the version itself, or the lowest prerelease of the given numbers and zeros.
    var floor: SemanticVersion { version ?? firstPrerelease }

    /// The lowest prerelease of the given numbers and zeros.
    var firstPrerelease: SemanticVersion {
        let padded = numbers + Array(repeating: 0, count: 3 - numbers.count)
        return .lowest(padded[0], padded[1], padded[2])
    }

    /// The first version above all that match, nil if there is none.
    var ceiling: SemanticVersion? {
        version?.successor ?? raised(numbers.count - 1)
    }

    /// The first version that `~` leaves out.
    var tildeCeiling: SemanticVersion? { raised(min(numbers.count - 1, 1)) }

    /// The first version that `^` leaves out.
    var caretCeiling: SemanticVersion? {
        raised(numbers.firstIndex { !$0.isZero } ?? numbers.count - 1)
    }

    /// The lowest version whose number of that index is one higher, nil if no number is given.
    private func raised(_ index: Int) -> SemanticVersion? {
        guard numbers.indices.contains(index) else { return nil }
        let kept = Array(numbers.prefix(index)) + [numbers[index].incremented]
        let padded = kept + Array(repeating: 0, count: 3 - kept.count)
        return .lowest(padded[0], padded[1], padded[2])
    }

    private static let wildcards: Set<Substring> = ["x", "X", "*"]
}
