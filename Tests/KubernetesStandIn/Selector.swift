import KubernetesClient

/// A label and field selector, with the operators that Kubernetes has.
struct Selector: Sendable {
    private enum Requirement: Sendable {
        case isOne(of: Set<String>)
        case isNone(of: Set<String>)
        case exists
        case isAbsent
    }

    private var labels: [(name: String, requirement: Requirement)] = []
    private var fields: [(path: [String], value: String, isEqual: Bool)] = []

    /// - Throws: for what cannot be parsed, and for fields that objects of the kind are not selected by.
    init(labels text: String?, fields fieldText: String?, of kind: ResourceKind) throws(Refusal) {
        for part in split(text ?? "") { labels.append(try Self.requirement(part)) }
        for part in split(fieldText ?? "") {
            let name = part.prefix { $0 != "=" && $0 != "!" }
            let path = name.split(separator: ".").map(String.init)
            guard path == ["metadata", "name"] || kind == .events && path.count == 2 && path[0] == "involvedObject"
            else { throw Refusal.badRequest("field label not supported: \(name)") }
            let value = part.dropFirst(name.count).drop { $0 == "=" || $0 == "!" }
            fields.append((path, String(value), part.dropFirst(name.count).first == "="))
        }
    }

    func matches(_ object: JSONValue) -> Bool {
        for field in fields {
            let value = field.path.reduce(JSONValue?.some(object)) { $0?[$1] }?.string ?? ""
            guard (value == field.value) == field.isEqual else { return false }
        }
        return labels.allSatisfy { label in
            let value = object["metadata"]?["labels"]?[label.name]?.string
            return switch label.requirement {
            case .isOne(let values): value.map(values.contains) ?? false
            case .isNone(let values): !(value.map(values.contains) ?? false)
            case .exists: value != nil
            case .isAbsent: value == nil
            }
        }
    }

    private static func requirement(_ part: String) throws(Refusal) -> (name: String, requirement: Requirement) {
        if part.contains("===") {
            throw Refusal.badRequest("unable to parse requirement: found '=', expected: identifier")
        }
        for (symbol, isNegative) in [("!=", true), ("==", false), ("=", false)] {
            guard let range = part.firstRange(of: symbol) else { continue }
            let values: Set = [part[range.upperBound...].trimmed]
            return (part[..<range.lowerBound].trimmed, isNegative ? .isNone(of: values) : .isOne(of: values))
        }
        for (word, isNegative) in [(" notin ", true), (" in ", false)] {
            guard let range = part.firstRange(of: word) else { continue }
            let list = part[range.upperBound...].trimmed.drop { $0 == "(" }.prefix { $0 != ")" }
            let values = Set(list.split(separator: ",").map(\.trimmed))
            return (part[..<range.lowerBound].trimmed, isNegative ? .isNone(of: values) : .isOne(of: values))
        }
        return part.hasPrefix("!") ? (part.dropFirst().trimmed, .isAbsent) : (part[...].trimmed, .exists)
    }
}

/// Splits at commas that are not within parentheses.
private func split(_ text: String) -> [String] {
    var parts = [""]
    var depth = 0
    for character in text {
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
    }
    return parts.map { $0[...].trimmed }.filter { !$0.isEmpty }
}

extension Substring {
    fileprivate var trimmed: String {
        let head = drop(while: \.isWhitespace)
        return String(head.reversed().drop(while: \.isWhitespace).reversed())
    }

    fileprivate func firstRange(of text: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(text) }.map { $0..<index($0, offsetBy: text.count) }
    }
}

extension String {
    fileprivate func firstRange(of text: String) -> Range<Index>? { self[...].firstRange(of: text) }
}
