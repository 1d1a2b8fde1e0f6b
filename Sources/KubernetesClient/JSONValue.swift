/// A JSON document as a tree, exactly as it was written: members in their order, numbers digit by digit.
///
/// It carries what the service passes on without understanding all of it, such as the Job of an operator's template.
/// Spec: RFC 8259.
public enum JSONValue: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number.
    case number(JSONNumber)
    /// A string.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object.
    case object(JSONObject)

    /// The string, if it is one.
    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The number as an integer, if it is one that fits.
    public var int: Int? {
        guard case .number(let number) = self else { return nil }
        return number.int
    }

    /// The truth value, if it is one.
    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The elements, if it is an array.
    public var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members, if it is an object.
    public var object: JSONObject? {
        guard case .object(let object) = self else { return nil }
        return object
    }

    /// The member of this name; `nil` where there is none, and where this is no object.
    ///
    /// Setting a member of something that is no object makes it one; setting `nil` removes the member.
    public subscript(name: String) -> JSONValue? {
        get { object?[name] }
        set {
            var object = object ?? JSONObject()
            // Emptied first, so that nested changes happen in place.
            self = .null
            object[name] = newValue
            self = .object(object)
        }
    }
}

/// The members of a JSON object in the order they were added; names are unique.
public struct JSONObject: Sendable, Hashable {
    /// The names in their order.
    public private(set) var names: [String] = []
    private var values: [String: JSONValue] = [:]

    /// No members.
    public init() {}

    /// The number of members.
    public var count: Int { names.count }

    /// The value of a member.
    ///
    /// A new name goes to the end, `nil` removes it.
    public subscript(name: String) -> JSONValue? {
        get { values[name] }
        set {
            if let newValue {
                if values.updateValue(newValue, forKey: name) == nil { names.append(name) }
            } else if values.removeValue(forKey: name) != nil {
                names.removeAll { $0 == name }
            }
        }
    }

    /// The members in their order.
    public var members: [(name: String, value: JSONValue)] {
        names.compactMap { name in values[name].map { (name, $0) } }
    }

    /// Objects are equal when their members are, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool { left.values == right.values }

    /// Feeds the members, order left out, into the hasher.
    public func hash(into hasher: inout Hasher) { hasher.combine(values) }
}

/// A JSON number, kept as it was written: `1.0` stays `1.0`, and 30 digits stay 30 digits.
public struct JSONNumber: Sendable, Hashable, CustomStringConvertible {
    /// The number as JSON writes it.
    public let description: String

    /// Reads a number as JSON writes it; `nil` for anything else.
    ///
    /// Spec: RFC 8259 section 6.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 400, JSONNumber.length(in: bytes[...]) == bytes.count else { return nil }
        description = text
    }

    /// An integer.
    public init(_ value: some BinaryInteger) { description = String(value) }

    /// The number as an integer, if it is written as one and fits.
    public var int: Int? { Int(description) }

    /// How many of these bytes form a number, from the first on; `nil` if none do.
    static func length(in bytes: ArraySlice<UInt8>) -> Int? {
        var rest = bytes
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard isDigit(rest.first) else { return nil }
        if rest.first == UInt8(ascii: "0") { rest = rest.dropFirst() } else { rest = rest.drop(while: isDigit) }
        if rest.first == UInt8(ascii: "."), isDigit(rest.dropFirst().first) {
            rest = rest.dropFirst().drop(while: isDigit)
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            var exponent = rest.dropFirst()
            if exponent.first == UInt8(ascii: "+") || exponent.first == UInt8(ascii: "-") {
                exponent = exponent.dropFirst()
            }
            if isDigit(exponent.first) { rest = exponent.drop(while: isDigit) }
        }
        return bytes.count - rest.count
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object; of a name that comes twice the last value counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object[name] = value }
        self = .object(object)
    }
}
