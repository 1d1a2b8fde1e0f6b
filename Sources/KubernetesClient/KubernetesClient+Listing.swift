/// The whole of what a listing found, as it was at one moment.
public struct ObjectList<Object: KubernetesObject>: Sendable {
    /// The objects, by name.
    public var items: [Object]
    /// The moment, from which a watch can go on.
    public var resourceVersion: String

    /// Puts a listing together.
    public init(items: [Object], resourceVersion: String) {
        self.items = items
        self.resourceVersion = resourceVersion
    }
}

extension KubernetesClient {
    /// Lists all Jobs that a selector chooses, complete and as of one moment.
    /// - Throws: ``KubernetesError``; never a part of the list.
    public func jobs(matching selector: LabelSelector? = nil) async throws -> ObjectList<Job> {
        try await list(Job.self, matching: selector)
    }

    /// Lists all Pods that a selector chooses, complete and as of one moment.
    /// - Throws: ``KubernetesError``; never a part of the list.
    public func pods(matching selector: LabelSelector? = nil) async throws -> ObjectList<Pod> {
        try await list(Pod.self, matching: selector)
    }

    func list<Object: KubernetesObject>(
        _ type: Object.Type, matching selector: LabelSelector?
    ) async throws -> ObjectList<Object> {
        try await withDeadline { remaining in
            // A continuation may expire between two pages. Going on without consistency, which the server offers, could
            // miss an object, so the listing starts over.
            var startsLeft = 3
            while true {
                do {
                    return try await self.pages(type, matching: selector, remaining: remaining)
                } catch let error as KubernetesError {
                    startsLeft -= 1
                    guard error.code == .expired, startsLeft > 0 else { throw error }
                }
            }
        }
    }

    private func pages<Object: KubernetesObject>(
        _ type: Object.Type, matching selector: LabelSelector?, remaining: () -> Duration
    ) async throws -> ObjectList<Object> {
        let operation = operation("list", Object.kind)
        var items: [Object] = []
        var seen: Set<String> = []
        var continuation: String?
        while true {
            var call = Call(operation: operation, path: path(Object.kind))
            if let selector, !selector.description.isEmpty {
                call.query.append(("labelSelector", selector.description))
            }
            call.query.append(("limit", String(limits.pageSize)))
            if let continuation { call.query.append(("continue", continuation)) }
            let left = remaining()
            guard left > .zero else {
                throw KubernetesError(.timeout, operation, message: "the pages did not all come within \(limits.call)")
            }
            let answer = try await answer(to: call, within: left)
            let page = try decoded(
                Page<Object>.self, from: answer.body, of: operation, kind: "\(Object.kind.kind)List")
            items += page.items ?? []
            guard let next = page.metadata.continuation, !next.isEmpty else {
                return ObjectList(items: items, resourceVersion: page.metadata.resourceVersion)
            }
            guard seen.insert(next).inserted else {
                throw KubernetesError(.malformedAnswer, operation, message: "the pages go round in circles")
            }
            // A page may be empty and still have a successor, so pages are counted, too.
            guard items.count < limits.listedObjects, seen.count < limits.listedObjects else {
                throw KubernetesError(
                    .tooMany, operation, message: "there are more than \(limits.listedObjects) objects: select fewer")
            }
            continuation = next
        }
    }
}

private struct Page<Object: KubernetesObject>: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String
        var continuation: String?

        enum CodingKeys: String, CodingKey {
            case resourceVersion
            case continuation = "continue"
        }
    }

    var metadata: Metadata
    var items: [Object]?
}
