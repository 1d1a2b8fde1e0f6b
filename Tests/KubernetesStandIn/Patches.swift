import KubernetesClient

extension JSONValue {
    /// Spec: RFC 7396.
    func merged(with patch: JSONValue) -> JSONValue {
        guard let changes = patch.object else { return patch }
        var result = object.map(JSONValue.object) ?? [:]
        for (name, value) in changes.members {
            result[name] = value == .null ? nil : (result[name] ?? .null).merged(with: value)
        }
        return result
    }

    /// Spec: RFC 6902, the operations that the service uses.
    func patched(with operations: JSONValue) throws(Refusal) -> JSONValue {
        guard let operations = operations.array else { throw Refusal.badRequest("a JSON patch is an array") }
        var result = self
        for operation in operations {
            guard let pointer = operation["path"]?.string, pointer.hasPrefix("/") else {
                throw Refusal.badRequest("a JSON patch operation without a path")
            }
            let path = pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(Self.unescaped)
            let value = operation["value"]
            let current = result.value(at: path[...])
            switch operation["op"]?.string {
            case "test": guard current == value else { throw Refusal.patchTestFailed }
            case "add": try result.set(value ?? .null, at: path[...], isNew: true)
            case "replace":
                guard current != nil else { throw Refusal.patchTestFailed }
                try result.set(value ?? .null, at: path[...], isNew: false)
            case "remove":
                guard current != nil else { throw Refusal.patchTestFailed }
                try result.set(nil, at: path[...], isNew: false)
            default: throw Refusal.badRequest("an unknown JSON patch operation")
            }
        }
        return result
    }

    private static func unescaped(_ token: Substring) -> String {
        var text = ""
        var rest = token
        while let character = rest.popFirst() {
            guard character == "~", let code = rest.popFirst() else {
                text.append(character)
                continue
            }
            text.append(code == "1" ? "/" : "~")
        }
        return text
    }

    private func value(at path: ArraySlice<String>) -> JSONValue? {
        guard let first = path.first else { return self }
        if let elements = array {
            guard let index = Int(first), elements.indices.contains(index) else { return nil }
            return elements[index].value(at: path.dropFirst())
        }
        return self[first]?.value(at: path.dropFirst())
    }

    private mutating func set(_ value: JSONValue?, at path: ArraySlice<String>, isNew: Bool) throws(Refusal) {
        guard let first = path.first else {
            self = value ?? .null
            return
        }
        let rest = path.dropFirst()
        if var elements = array {
            let index = first == "-" ? elements.count : Int(first) ?? -1
            guard (0...elements.count).contains(index), rest.isEmpty || index < elements.count else {
                throw Refusal.patchTestFailed
            }
            if !rest.isEmpty {
                try elements[index].set(value, at: rest, isNew: isNew)
            } else if let value {
                if isNew { elements.insert(value, at: index) } else { elements[index] = value }
            } else {
                elements.remove(at: index)
            }
            self = .array(elements)
        } else if rest.isEmpty {
            guard object != nil else { throw Refusal.patchTestFailed }
            self[first] = value
        } else {
            guard var child = self[first] else { throw Refusal.patchTestFailed }
            try child.set(value, at: rest, isNew: isNew)
            self[first] = child
        }
    }
}
