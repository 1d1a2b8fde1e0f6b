internal import HTTPTransport

/// Which token servers credentials may be sent to.
///
/// The registry names them, and the registry's word alone is not enough.
/// Allowed is https (http only if the operator configured the registry itself as http) to
/// - a host that the operator lists, on any port or, where the list names one, on that port only;
/// - the registry's own host, by the name of its endpoint or of its image references, on any port;
/// - `auth.docker.io` for Docker Hub.
///
/// A realm that is written as a loopback, link-local or private address (or `localhost`) must be the endpoint's own
/// host and port, or be listed with its port: otherwise a registry could make this service talk to its neighbours.
/// Names are not resolved here: in a cluster every name leads to a private address.
struct TokenRealmPolicy: Sendable {
    var registry: RegistryHost
    var endpoint: HTTPURL
    var allowed: [RegistryHost]

    struct Refusal: Error {
        var reason: String
    }

    func check(_ realm: HTTPURL) throws(Refusal) {
        guard realm.scheme == .https || endpoint.scheme == .http else {
            throw Refusal(reason: "it is plain http, while the registry is reached by https")
        }
        let host = realm.host.contains(":") ? "[\(realm.host)]" : realm.host
        let isInternal = IPAddress.isInternal(host: realm.host)
        if allowed.contains(where: { $0.name == host && ($0.port.map { $0 == realm.port } ?? !isInternal) }) { return }
        if realm.host == endpoint.host && realm.port == endpoint.port { return }
        guard !isInternal else {
            throw Refusal(
                reason:
                    "it is an internal address; if it is right, list \(host):\(realm.port) as an allowed token realm")
        }
        if realm.host == endpoint.host || host == registry.name { return }
        if AuthKey.isDockerHub(registry.name), host == "auth.docker.io" { return }
        throw Refusal(reason: "it is not the registry's host; if it is right, list \(host) as an allowed token realm")
    }
}
