/// One of the dot-separated identifiers of a prerelease, such as `rc` and `1` in `1.0.0-rc.1`.
///
/// Spec: SemVer 2.0.0 clause 9.
public struct PrereleaseIdentifier: Hashable, Sendable {
    /// The identifier as written.
    public let description: String

    /// The identifier's value if it consists of digits only, otherwise nil.
    public let number: NumericIdentifier?

    /// The identifier that the text spells, or nil if it is empty, has a character other than `0-9A-Za-z-` or is a number
    /// with leading zeros.
    public init?(_ text: String) {
        guard Self.problem(in: text[...]) == nil else { return nil }
        self.init(validated: text[...])
    }

    /// The identifier that consists of a number.
    public init(_ number: NumericIdentifier) {
        description = number.digits
        self.number = number
    }

    /// Takes a text that ``problem(in:)`` has found nothing wrong with.
    init(validated text: Substring) {
        description = String(text)
        number = text.utf8.allSatisfy(\.isDecimalDigit) ? NumericIdentifier(validated: text) : nil
    }

    /// What keeps a text from being a prerelease identifier, or nil if nothing does.
    static func problem(in text: Substring) -> SemanticVersionError.Problem? {
        if text.isEmpty { return .emptyIdentifier }
        guard text.utf8.allSatisfy(\.isIdentifierCharacter) else { return .unexpectedCharacter }
        return NumericIdentifier.problem(in: text) == .leadingZero ? .leadingZero : nil
    }
}

extension PrereleaseIdentifier: Comparable {
    /// Orders numbers by value, other identifiers in ASCII order, and numbers below the others.
    ///
    /// Spec: SemVer 2.0.0 clause 11.4.
    public static func < (lhs: PrereleaseIdentifier, rhs: PrereleaseIdentifier) -> Bool {
        switch (lhs.number, rhs.number) {
        case (let left?, let right?): left < right
        case (.some, nil): true
        case (nil, .some): false
        case (nil, nil): lhs.description < rhs.description
        }
    }
}

extension PrereleaseIdentifier: LosslessStringConvertible {}
