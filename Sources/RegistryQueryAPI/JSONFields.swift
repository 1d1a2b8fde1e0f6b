/// Reads the members of a JSON object, each at most once and only those that are known.
///
/// `null` counts as absent: tools that fill a template send it for what they do not have.
struct JSONFields {
    private let path: String
    private let errors: InputErrors
    private let values: [String: JSONValue]

    /// Notes every unknown and every repeated name.
    /// - Parameter path: What stands before the names in messages: empty, or the path of the object with a dot.
    init(_ members: [JSONValue.Member], path: String = "", known: [String], errors: InputErrors) {
        self.path = path
        self.errors = errors
        var values: [String: JSONValue] = [:]
        var seen: Set<String> = []
        for member in members {
            if !known.contains(member.name) {
                let name = path + String(member.name.prefix(60))
                errors.add(
                    .unknownField, name, "there is no such field; known here are \(known.joined(separator: ", "))")
            } else if !seen.insert(member.name).inserted {
                errors.add(.duplicateField, path + member.name, "the field is there twice")
            } else if member.value != .null {
                values[member.name] = member.value
            }
        }
        self.values = values
    }

    /// Whether the field is there, whatever its value.
    func has(_ name: String) -> Bool { values[name] != nil }

    /// A string.
    func string(_ name: String) -> String? {
        guard let value = values[name] else { return nil }
        guard case .string(let text) = value else { return wrongType(path + name, value, expected: "a string") }
        return text
    }

    /// A string that stands for another value.
    func value<Value>(_ name: String, _ make: (String) throws -> Value) -> Value? {
        guard let text = string(name) else { return nil }
        return errors.reading(path + name) { try make(text) }
    }

    /// An array of strings, each of which stands for a value.
    func values<Value>(_ name: String, atMost most: Int, _ make: (String) throws -> Value) -> [Value]? {
        guard let value = values[name] else { return nil }
        guard case .array(let elements) = value else { return wrongType(path + name, value, expected: "an array") }
        guard elements.count <= most else {
            errors.add(.invalidValue, path + name, "has \(elements.count) entries; at most \(most) are allowed")
            return nil
        }
        var made: [Value] = []
        for (index, element) in elements.enumerated() {
            let field = "\(path)\(name)[\(index)]"
            if case .string(let text) = element {
                if let value = errors.reading(field, { try make(text) }) { made.append(value) }
            } else {
                _ = wrongType(field, element, expected: "a string") as String?
            }
        }
        return made
    }

    /// An object.
    func object(_ name: String, known: [String]) -> JSONFields? {
        guard let value = values[name] else { return nil }
        guard case .object(let members) = value else { return wrongType(path + name, value, expected: "an object") }
        return JSONFields(members, path: "\(path)\(name).", known: known, errors: errors)
    }

    /// Notes something about a field that is there, or about one that should be.
    func refuse(_ name: String, _ reason: String, code: ProblemCode = .invalidValue) {
        errors.add(code, path + name, reason)
    }

    private func wrongType<Value>(_ field: String, _ value: JSONValue, expected: String) -> Value? {
        errors.add(.wrongType, field, "must be \(expected), not \(value.kind)")
        return nil
    }
}
