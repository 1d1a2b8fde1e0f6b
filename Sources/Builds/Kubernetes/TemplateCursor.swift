internal import KubernetesClient
internal import Yams

/// A place in a template: its value, and the line where it is, or where it is missing.
struct TemplateCursor {
    /// The value; `nil` where there is none.
    let value: JSONValue?
    /// The dotted path from the root.
    let path: String
    let line: Int
    private let node: Node?

    /// The whole document.
    init(value: JSONValue, node: Node) {
        self.init(value: value, node: node, path: "", parentLine: 1)
    }

    private init(value: JSONValue?, node: Node?, path: String, parentLine: Int) {
        self.value = value
        self.node = node
        self.path = path
        self.line = node?.mark?.line ?? parentLine
    }

    /// A member of a mapping.
    subscript(name: String) -> TemplateCursor {
        TemplateCursor(
            value: value?[name], node: node?.mapping?[Node(name)], path: path.isEmpty ? name : "\(path).\(name)",
            parentLine: line)
    }

    /// The elements of a sequence, each of which goes by its `name`, or by its position where it has none.
    var elements: [TemplateCursor] {
        (value?.array ?? []).enumerated().map { position, element in
            TemplateCursor(
                value: element,
                node: node?.sequence.flatMap { $0.indices.contains(position) ? $0[position] : nil },
                path: "\(path)[\(element["name"]?.string ?? "\(position)")]", parentLine: line)
        }
    }

    /// The element of a sequence whose `name` is this.
    subscript(named name: String) -> TemplateCursor {
        elements.first { $0.value?["name"]?.string == name }
            ?? TemplateCursor(value: nil, node: nil, path: "\(path)[\(name)]", parentLine: line)
    }

    /// The names of a mapping's members.
    var names: [String] { value?.object?.names ?? [] }

    /// What is wrong here.
    func problem(_ reason: String) -> TemplateProblem { TemplateProblem(line: line, reason) }

    /// Calls `visit` with every scalar, keys included, and its line.
    func forEachScalar(_ visit: (_ text: String, _ isKey: Bool, _ line: Int) throws(TemplateProblem) -> Void)
        throws(TemplateProblem)
    {
        guard let node else { return }
        try Self.visit(node, isKey: false, line: line, visit)
    }

    private static func visit(
        _ node: Node, isKey: Bool, line parentLine: Int,
        _ body: (_ text: String, _ isKey: Bool, _ line: Int) throws(TemplateProblem) -> Void
    ) throws(TemplateProblem) {
        let line = node.mark?.line ?? parentLine
        switch node {
        case .scalar(let scalar): try body(scalar.string, isKey, line)
        case .sequence(let sequence):
            for element in sequence { try visit(element, isKey: false, line: line, body) }
        case .mapping(let mapping):
            for (key, value) in mapping {
                try visit(key, isKey: true, line: line, body)
                try visit(value, isKey: false, line: key.mark?.line ?? line, body)
            }
        case .alias: return
        }
    }
}
