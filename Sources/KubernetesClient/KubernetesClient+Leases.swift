internal import FoundationEssentials
internal import HTTPTypes

extension KubernetesClient {
    /// Reads a Lease.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/notFound`` when the API server says that there is none.
    public func lease(named name: String) async throws -> Lease { try await object(named: name) }

    /// Creates a Lease.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/alreadyExists`` when another replica was faster.
    public func createLease(_ lease: Lease) async throws -> Lease {
        let operation = operation("create", .leases, object: lease.metadata.name)
        return try await send(lease, .post, path(.leases), operation)
    }

    /// Replaces a Lease that was read before; its ``ObjectMeta/resourceVersion`` has to be the current one.
    /// - Throws: ``KubernetesError``, with ``KubernetesError/Code/conflict`` when another replica was faster.
    public func updateLease(_ lease: Lease) async throws -> Lease {
        let name = lease.metadata.name
        let operation = operation("update", .leases, object: name)
        return try await send(lease, .put, path(.leases, try checked(name, operation)), operation)
    }

    private func send(
        _ lease: Lease, _ method: HTTPRequest.Method, _ path: [String], _ operation: KubernetesOperation
    ) async throws -> Lease {
        var lease = lease
        lease.metadata.namespace = namespace
        let body: [UInt8]
        do {
            body = [UInt8](try JSONEncoder().encode(lease))
        } catch {
            throw KubernetesError(.invalid, operation, message: "the lease cannot be written as JSON")
        }
        let call = Call(operation: operation, method: method, path: path, body: body)
        return try decoded(Lease.self, from: try await answer(to: call).body, of: operation, kind: "Lease")
    }
}
