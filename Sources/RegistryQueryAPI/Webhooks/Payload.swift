/// A value in the payload of a webhook, which knows where in it it is.
///
/// Unknown members count for nothing: the senders add new ones as they like.
struct Payload {
    /// Where a value is; the text is made only where it is needed.
    private indirect enum Place {
        case root
        case member(Place, String)
        case element(Place, Int)

        var path: String {
            switch self {
            case .root: "$"
            case .member(let place, let name): "\(place.path).\(name)"
            case .element(let place, let index): "\(place.path)[\(index)]"
            }
        }
    }

    private let value: JSONValue
    private let place: Place

    private init(_ value: JSONValue, _ place: Place) {
        self.value = value
        self.place = place
    }

    /// Reads a JSON text.
    /// - Throws: ``Problem`` with ``ProblemCode/invalidPayload`` for `$`.
    init(parsing bytes: [UInt8]) throws(Problem) {
        do {
            self.init(try JSONParser.parse(bytes), .root)
        } catch {
            throw Problem(.invalidPayload, "$: \(error.description)", field: "$")
        }
    }

    /// Takes an object that was read already.
    init(_ members: [JSONValue.Member]) { self.init(.object(members), .root) }

    /// A member of an object, the last of that name; `nil` where it is `null` or missing.
    func optional(_ name: String) throws(Problem) -> Payload? {
        guard case .object(let members) = value else { throw wrong("an object") }
        guard let member = members.last(where: { $0.name == name }), member.value != .null else { return nil }
        return Payload(member.value, .member(place, name))
    }

    /// A member of an object.
    func member(_ name: String) throws(Problem) -> Payload {
        guard let member = try optional(name) else {
            throw Payload(.null, .member(place, name)).refusal("is missing")
        }
        return member
    }

    /// The text of a string.
    func string() throws(Problem) -> String {
        guard case .string(let text) = value else { throw wrong("a string") }
        return text
    }

    /// A boolean.
    func flag() throws(Problem) -> Bool {
        guard case .bool(let flag) = value else { throw wrong("a boolean") }
        return flag
    }

    /// The elements of an array.
    func elements() throws(Problem) -> [Payload] {
        guard case .array(let values) = value else { throw wrong("an array") }
        return values.enumerated().map { Payload($1, .element(place, $0)) }
    }

    /// The texts of an array of strings.
    func strings() throws(Problem) -> [String] {
        guard case .array(let values) = value else { throw wrong("an array") }
        var texts: [String] = []
        texts.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard case .string(let text) = value else { throw Payload(value, .element(place, index)).wrong("a string") }
            texts.append(text)
        }
        return texts
    }

    /// The value itself.
    var json: JSONValue { value }

    /// What is wrong with the value, in words that follow its path.
    func refusal(_ reason: String) -> Problem {
        Problem(.invalidPayload, "\(place.path) \(reason)", field: place.path)
    }

    private func wrong(_ expected: String) -> Problem { refusal("must be \(expected), not \(value.kind)") }
}
