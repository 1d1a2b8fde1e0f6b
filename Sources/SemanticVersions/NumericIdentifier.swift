/// A non-negative decimal number of any length, without leading zeros.
///
/// Spec: SemVer 2.0.0 clause 2 and its grammar's `<numeric identifier>`, which set no upper limit.
public struct NumericIdentifier: Hashable, Sendable {
    /// A number is a machine word where it fits one, and the digits of a longer one otherwise, so that each has one form and
    /// comparing the usual ones is cheap.
    private enum Storage: Hashable {
        case word(UInt64)
        case digits(String)
    }

    private let storage: Storage

    /// The number that the digits spell, or nil if they are none, have a leading zero or another character among them.
    public init?(_ digits: String) {
        guard Self.problem(in: digits[...]) == nil else { return nil }
        self.init(validated: digits[...])
    }

    /// The identifier of a number that fits a machine word.
    public init(_ value: UInt64) {
        storage = .word(value)
    }

    /// Takes digits that ``problem(in:)`` has found nothing wrong with.
    init(validated digits: Substring) {
        storage = UInt64(digits).map(Storage.word) ?? .digits(String(digits))
    }

    /// The decimal digits: `0`, or a digit from 1 to 9 and any number of further digits.
    public var digits: String {
        switch storage {
        case .word(let value): String(value)
        case .digits(let digits): digits
        }
    }

    /// Whether the number is zero.
    public var isZero: Bool { storage == .word(0) }

    /// The number, or the highest that fits a machine word if it is higher than that.
    var clamped: UInt64 {
        if case .word(let value) = storage { value } else { .max }
    }

    /// The number one higher.
    public var incremented: NumericIdentifier {
        if case .word(let value) = storage, value < .max { return NumericIdentifier(value + 1) }
        var bytes = Array(digits.utf8)
        let nines = bytes.reversed().prefix { $0 == UInt8(ascii: "9") }.count
        bytes.replaceSubrange((bytes.count - nines)..., with: repeatElement(UInt8(ascii: "0"), count: nines))
        if nines == bytes.count {
            bytes.insert(UInt8(ascii: "1"), at: 0)
        } else {
            bytes[bytes.count - nines - 1] += 1
        }
        return NumericIdentifier(validated: Substring(decoding: bytes, as: UTF8.self))
    }

    /// What keeps a text from being a number as SemVer writes it, or nil if nothing does.
    static func problem(in text: Substring) -> SemanticVersionError.Problem? {
        guard let first = text.utf8.first else { return .missing }
        guard text.utf8.allSatisfy(\.isDecimalDigit) else { return .unexpectedCharacter }
        return first == UInt8(ascii: "0") && text.utf8.dropFirst().first != nil ? .leadingZero : nil
    }
}

extension NumericIdentifier: Comparable {
    /// Orders by value.
    public static func < (lhs: NumericIdentifier, rhs: NumericIdentifier) -> Bool {
        switch (lhs.storage, rhs.storage) {
        case (.word(let left), .word(let right)): return left < right
        case (.word, .digits): return true
        case (.digits, .word): return false
        case (.digits(let left), .digits(let right)):
            // Without leading zeros the longer number is the higher, and of equal length the digits decide.
            let (leftCount, rightCount) = (left.utf8.count, right.utf8.count)
            return leftCount == rightCount ? left < right : leftCount < rightCount
        }
    }
}

extension NumericIdentifier: LosslessStringConvertible {
    /// The decimal digits.
    public var description: String { digits }
}

extension NumericIdentifier: ExpressibleByIntegerLiteral {
    /// The identifier of a number written in code.
    public init(integerLiteral value: UInt64) {
        self.init(value)
    }
}
