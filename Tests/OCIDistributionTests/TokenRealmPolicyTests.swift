import HTTPTransport
import Testing

@testable import OCIDistribution

@Suite struct TokenRealmPolicyTests {
    private func isAllowed(
        _ realm: String, registry: String = "r.io", endpoint: String = "https://r.io", allowed: [String] = []
    ) throws -> Bool {
        let policy = TokenRealmPolicy(
            registry: try RegistryHost(registry), endpoint: try HTTPURL(endpoint),
            allowed: try allowed.map(RegistryHost.init))
        do {
            try policy.check(try HTTPURL(realm))
            return true
        } catch is TokenRealmPolicy.Refusal {
            return false
        }
    }

    @Test(arguments: [
        ("https://r.io/token", true), ("https://r.io:8443/token", true), ("https://R.IO/token", true),
        ("http://r.io/token", false), ("https://auth.r.io/token", false), ("https://evil.example/token", false),
        ("https://r.io.evil.example/", false), ("https://127.0.0.1/token", false), ("https://169.254.169.254/", false),
        ("https://[::1]/", false), ("https://[::ffff:10.0.0.1]/", false), ("https://10.1.2.3:443/", false),
        ("https://localhost/", false), ("https://2130706433/", false), ("https://127.1/", false),
        ("https://0x7f000001/", false),
    ])
    func onlyTheRegistrysOwnHostByHTTPSGetsCredentials(realm: String, allowed: Bool) throws {
        #expect(try isAllowed(realm) == allowed)
    }

    @Test(arguments: [
        ("https://auth.example/token", ["auth.example"], true),
        ("https://auth.example:9/token", ["auth.example"], true),
        ("https://auth.example:9/token", ["auth.example:8"], false),
        ("https://auth.example:9/token", ["auth.example:9"], true),
        ("http://auth.example/token", ["auth.example"], false), ("https://10.0.0.1/token", ["10.0.0.1"], false),
        ("https://10.0.0.1/token", ["10.0.0.1:443"], true), ("https://[fd00::1]:8/", ["[fd00::1]:8"], true),
    ])
    func theOperatorsListCountsAndInternalAddressesNeedTheirPort(realm: String, list: [String], allowed: Bool) throws {
        #expect(try isAllowed(realm, allowed: list) == allowed)
    }

    @Test(arguments: [
        ("http://registry.svc:5000/token", true), ("http://registry.svc:5001/token", true),
        ("https://r.io/token", true),
        ("http://other.svc/token", false), ("http://127.0.0.1:5000/token", false),
    ])
    func plainHTTPIsForARegistryThatTheOperatorMadePlainHTTP(realm: String, allowed: Bool) throws {
        #expect(try isAllowed(realm, endpoint: "http://registry.svc:5000") == allowed)
    }

    @Test func aRegistryOnAnInternalAddressMayBeItsOwnTokenServerOnItsOwnPortOnly() throws {
        let endpoint = "http://127.0.0.1:5000"
        #expect(try isAllowed("http://127.0.0.1:5000/token", registry: "127.0.0.1:5000", endpoint: endpoint))
        #expect(try !isAllowed("http://127.0.0.1:6379/token", registry: "127.0.0.1:5000", endpoint: endpoint))
        #expect(
            try isAllowed(
                "https://auth.docker.io/token", registry: "docker.io", endpoint: "https://registry-1.docker.io"))
    }
}
