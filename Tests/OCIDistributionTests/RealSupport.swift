import CurlTransport
import HTTPTransport
import OCIDistribution
import RegistryTesting
import Testing

/// Gives a client of a registry, over real connections, and closes both behind it.
func withClient(
    of registry: TestRegistry, config: String? = nil, name: String? = nil, pageSize: Int? = nil,
    deadline: Duration = .seconds(20), tls: TLSOptions = .system, realms: [RegistryHost] = [],
    _ body: (Fixture) async throws -> Void
) async throws {
    defer { registry.close() }
    let transport = CurlTransport(logger: .quiet)
    let fixture = try Fixture(
        transport, config: config, registry: name ?? registry.authority, endpoint: registry.url,
        adjusting: {
            $0.pageSize = pageSize
            $0.deadline = deadline
            $0.tls = tls
            $0.allowedTokenRealms = realms
        })
    do {
        try await body(fixture)
    } catch {
        await transport.shutDown()
        throw error
    }
    await transport.shutDown()
}

/// The error that a registry's client throws.
func failure(_ body: () async throws -> Void) async throws -> RegistryError {
    try #require(await #expect(throws: RegistryError.self) { try await body() })
}

/// The listings that a registry has answered.
func lists(_ registry: TestRegistry) -> [String] { registry.requests().filter { $0.contains("/tags/list") } }
