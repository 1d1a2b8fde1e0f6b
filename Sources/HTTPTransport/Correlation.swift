public import HTTPTypes

/// What ties together all that is done for one request, here and elsewhere.
public struct Correlation: Sendable, Equatable {
    /// That of the request that is being answered; `nil` outside of any.
    @TaskLocal public static var current: Correlation?

    /// The id under which the request's lines are found in the log.
    public var requestID: String?
    /// The trace that the request belongs to, as it came with it.
    public var traceparent: Traceparent?

    /// Ties things together.
    public init(requestID: String? = nil, traceparent: Traceparent? = nil) {
        self.requestID = requestID
        self.traceparent = traceparent
    }
}

/// A place in a distributed trace, as the field `traceparent` has it; passed on unchanged.
///
/// Spec: W3C Trace Context, Level 1, section 3.2.
public struct Traceparent: Hashable, Sendable, CustomStringConvertible {
    /// The name of the field.
    static let field = HTTPField.Name("traceparent")
    /// The most characters that are taken of versions to come.
    static let longest = 128

    /// The value as it came.
    public let description: String

    /// Takes a value; `nil` for one that is not valid.
    ///
    /// Of versions to come only what version 00 has is looked at.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), maxSplits: 4, omittingEmptySubsequences: false)
        let lengths = [2, 32, 16, 2]
        guard parts.count >= lengths.count, text.utf8.count <= Self.longest,
            zip(parts, lengths).allSatisfy({ part, length in part.count == length && part.allSatisfy(\.isLowerHex) }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !text.hasPrefix("ff"),
            parts.count == lengths.count || !text.hasPrefix("00"),
            !parts[1].allSatisfy(\.isZero), !parts[2].allSatisfy(\.isZero)
        else { return nil }
        description = text
    }

    /// The trace's id, 32 hexadecimal digits.
    public var traceID: String { String(description.dropFirst(3).prefix(32)) }
}

extension HTTPFields {
    /// The trace that a message belongs to; `nil` without a valid one, and for more than one.
    public var traceparent: Traceparent? {
        get {
            guard let name = Traceparent.field, self[values: name].count == 1 else { return nil }
            return Traceparent(self[values: name][0])
        }
        set {
            guard let name = Traceparent.field else { return }
            self[name] = newValue?.description
        }
    }
}

extension UInt8 {
    fileprivate var isLowerHex: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }

    fileprivate var isZero: Bool { self == UInt8(ascii: "0") }
}
