public import Yams

/// What bounds the conversion of a YAML document, aliases followed.
private struct YAMLBudget {
    static let nodes = 20_000
    static let textBytes = 1024 * 1024

    var nodes = YAMLBudget.nodes
    var textBytes = YAMLBudget.textBytes

    mutating func take(_ node: Node) throws(DocumentError) {
        nodes -= 1
        textBytes -= node.scalar?.string.utf8.count ?? 0
        guard nodes >= 0, textBytes >= 0 else {
            throw DocumentError(
                "the YAML document is too large: with its aliases followed it may have \(YAMLBudget.nodes) nodes and "
                    + "\(YAMLBudget.textBytes) bytes of text")
        }
    }
}

extension JSONValue {
    /// Reads a text that holds exactly one YAML document, typed as ``init(yaml:)-(Node)`` does.
    /// - Throws: ``DocumentError`` with line and column, also for a text of more than 1 MiB.
    public init(yaml text: String) throws(DocumentError) {
        guard text.utf8.count <= YAMLBudget.textBytes else {
            throw DocumentError("the YAML text is longer than \(YAMLBudget.textBytes) bytes")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw DocumentError("no valid YAML: \(yamlReason(error))")
        }
        guard let root else { throw DocumentError("the YAML text holds no document") }
        try self.init(yaml: root)
    }

    /// Converts a parsed YAML document the way Kubernetes does: plain scalars are typed (`true`, `123`, `0644`, `1.5`,
    /// `null`, `~`), quoted ones and block scalars are strings, mapping keys are strings, `<<` merges.
    ///
    /// Words that YAML 1.1 takes for truth values and YAML 1.2 for strings (`yes`, `no`, `on`, `off`, `y`, `n`) are refused:
    /// a reader of the document and the cluster would understand different things.
    /// - Throws: ``DocumentError`` with line and column, also when the document has more than 20,000 nodes, 1 MiB of text
    ///   or 100 levels once its aliases are followed.
    public init(yaml node: Node) throws(DocumentError) {
        var budget = YAMLBudget()
        self = try converted(node, depth: 0, budget: &budget)
    }
}

private func converted(_ node: Node, depth: Int, budget: inout YAMLBudget) throws(DocumentError) -> JSONValue {
    try budget.take(node)
    guard depth <= JSONValue.deepest else { throw failure(node, "more than \(JSONValue.deepest) levels") }
    switch node {
    case .scalar(let scalar):
        return try value(of: scalar, in: node)
    case .sequence(let sequence):
        guard hasTag(sequence.tag, .implicit, .seq) else { throw failure(node, "an unknown tag") }
        var elements: [JSONValue] = []
        for element in sequence { elements.append(try converted(element, depth: depth + 1, budget: &budget)) }
        return .array(elements)
    case .mapping(let mapping):
        guard hasTag(mapping.tag, .implicit, .map) else { throw failure(node, "an unknown tag") }
        var object = JSONObject()
        var merged: [JSONObject] = []
        for (key, value) in mapping {
            try budget.take(key)
            guard let name = key.scalar else { throw failure(key, "a key that is no scalar") }
            if name.string == "<<", name.style == .plain {
                merged += try mergeSources(value, depth: depth + 1, budget: &budget)
            } else {
                guard object[name.string] == nil else { throw failure(key, "the key \"\(name.string)\" comes twice") }
                object[name.string] = try converted(value, depth: depth + 1, budget: &budget)
            }
        }
        // What the mapping says itself wins over what it merges, and earlier sources over later ones.
        for source in merged {
            for (name, value) in source.members where object[name] == nil { object[name] = value }
        }
        return .object(object)
    case .alias:
        throw failure(node, "an alias without its anchor")
    }
}

private func mergeSources(
    _ node: Node, depth: Int, budget: inout YAMLBudget
) throws(DocumentError) -> [JSONObject] {
    switch try converted(node, depth: depth, budget: &budget) {
    case .object(let object): return [object]
    case .array(let elements):
        let objects = elements.compactMap(\.object)
        guard objects.count == elements.count else { throw failure(node, "\"<<\" merges something that is no mapping") }
        return objects
    default: throw failure(node, "\"<<\" merges something that is no mapping")
    }
}

private func value(of scalar: Node.Scalar, in node: Node) throws(DocumentError) -> JSONValue {
    if hasTag(scalar.tag, .str) { return .string(scalar.string) }
    guard hasTag(scalar.tag, .implicit, .bool, .int, .float, .null) else { throw failure(node, "an unknown tag") }
    guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
    switch YAMLScalar(plain: scalar.string) {
    case .value(let value): return value
    case .ambiguous:
        throw failure(
            node,
            "\"\(scalar.string)\" is a truth value in one version of YAML and a string in the other: quote it, or write "
                + "true or false")
    case .unrepresentable: throw failure(node, "\"\(scalar.string)\" is a number that JSON cannot express")
    }
}

private func hasTag(_ tag: Tag, _ names: Tag.Name...) -> Bool { names.contains { tag == Tag($0) } }

private func failure(_ node: Node, _ reason: String) -> DocumentError {
    let place = node.mark.map { "line \($0.line), column \($0.column): " } ?? ""
    return DocumentError("\(place)\(reason)")
}

/// The reason and the place, without the lines of the document that Yams quotes: it may hold secrets.
private func yamlReason(_ error: any Error) -> String {
    switch error {
    case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
        YamlError.composer(_, let problem, let mark, _):
        "line \(mark.line), column \(mark.column): \(problem)"
    case YamlError.duplicatedKeysInMapping(let names, let context):
        "line \(context.mark.line): keys that come twice: \(names.joined(separator: ", "))"
    case YamlError.reader(let problem, let offset, _, _): "\(problem) at byte \(offset ?? 0)"
    default: "it cannot be parsed"
    }
}
