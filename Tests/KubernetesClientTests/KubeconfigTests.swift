import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("A kubeconfig leads to a cluster, or says where it ends")
struct KubeconfigTests {
    static func kubeconfig(
        server: String = "https://api.example:6443", cluster: String = "", user: String = "token: secret-token",
        context: String = "namespace: build-system"
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        preferences: {}
        current-context: main
        contexts:
        - name: other
          context: {cluster: absent, user: absent}
        - name: main
          context:
            cluster: home
            user: me
            \(context)
        clusters:
        - name: home
          cluster:
            server: \(server)
            \(cluster)
        users:
        - name: me
          user:
            \(user)
        """
    }

    private static let authorityData = Data(PEM.authority.utf8).base64EncodedString()
    private static let keyData = Data(PEM.key.utf8).base64EncodedString()

    @Test("tokens, token files, certificates, inline and by relative path")
    func good() throws {
        let folder = try TemporaryFolder()
        try folder.write(PEM.authority, to: "ca.pem")
        try folder.write(PEM.otherAuthority, to: "client.pem")
        try folder.write(PEM.key, to: "key.pem")
        try folder.write("file-token\n", to: "token")
        func read(cluster: String = "", user: String = "{}", server: String = "https://api.example:6443") throws
            -> (ClusterConfiguration, ClusterCredentials.Presented)
        {
            let file = try folder.write(Self.kubeconfig(server: server, cluster: cluster, user: user), to: "config")
            let found = try ClusterConfiguration.kubeconfig(files: [file])
            return (found, try found.credentials.current())
        }

        let (plain, nobody) = try read()
        #expect(plain.server.description == "https://api.example:6443/")
        #expect(plain.namespace == "build-system")
        #expect(nobody.authorization == nil)
        #expect(nobody.tls == .system)

        let (_, token) = try read(user: "token: \"abc\"")
        #expect(token.authorization == "Bearer abc")
        let (_, tokenFile) = try read(user: "{token: abc, tokenFile: token}")
        #expect(tokenFile.authorization == "Bearer file-token")

        let (_, authority) = try read(cluster: "certificate-authority: ca.pem")
        #expect(authority.tls.certificateAuthorities == Array(PEM.authority.utf8))
        #expect(!authority.tls.trustsSystem)
        let (_, data) = try read(
            cluster: "certificate-authority-data: \(Self.authorityData)\n    certificate-authority: absent.pem")
        #expect(data.tls.certificateAuthorities == Array(PEM.authority.utf8))

        let (_, certificate) = try read(user: "{client-certificate: client.pem, client-key: \(folder.path)/key.pem}")
        #expect(certificate.tls.clientCertificate?.chain == Array(PEM.otherAuthority.utf8))
        #expect(certificate.tls.clientCertificate?.privateKey == Array(PEM.key.utf8))
        let (_, mixed) = try read(
            user: "{client-certificate-data: \(Self.authorityData), client-key-data: \(Self.keyData)}")
        #expect(mixed.tls.clientCertificate?.chain == Array(PEM.authority.utf8))

        let (local, _) = try read(cluster: "insecure-skip-tls-verify: false", server: "http://127.0.0.1:8001/prefix")
        #expect(local.server.description == "http://127.0.0.1:8001/prefix")
        let (named, _) = try read(cluster: "tls-server-name: API.example")
        #expect(named.server.host == "api.example")
    }

    @Test("a path in front of the API's stays in front")
    func prefix() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.kubeconfig(server: "https://rancher.example/k8s/clusters/c-1/"), to: "config")
        let transport = try Recording("version").transport()
        let client = KubernetesClient(
            transport: transport, configuration: try ClusterConfiguration.kubeconfig(files: [file]), namespace: "n")
        _ = try await client.serverVersion()
        #expect(transport.requests[0].url.description == "https://rancher.example/k8s/clusters/c-1/version")
    }

    @Test("several files are merged: the first that has something wins, absent files are passed over")
    func merged() throws {
        let folder = try TemporaryFolder()
        let first = try folder.write(
            """
            current-context: main
            clusters:
            - name: home
              cluster: {server: "https://first.example"}
            """, to: "first")
        let second = try folder.write(Self.kubeconfig(server: "https://second.example"), to: "second")
        let third = try folder.write(
            """
            current-context: other
            users:
            - name: me
              user: {token: third}
            """, to: "third")
        let absent = "\(folder.path)/absent"
        let found = try ClusterConfiguration.kubeconfig(files: [absent, first, second, third])
        #expect(found.server.host == "first.example")
        #expect(try found.credentials.current().authorization == "Bearer secret-token")
        #expect(found.origin == "kubeconfig \(first), context \"main\"")
        #expect(try ClusterConfiguration.kubeconfig(files: [second, first]).server.host == "second.example")
    }

    static let refused: [(cluster: String, user: String, context: String, server: String, named: String)] = [
        ("insecure-skip-tls-verify: true", "{}", "", "https://a.example", "insecure-skip-tls-verify"),
        ("proxy-url: http://proxy.example", "{}", "", "https://a.example", "proxy-url"),
        ("tls-server-name: other.example", "{}", "", "https://a.example", "tls-server-name"),
        ("certificate-authority: absent.pem", "{}", "", "https://a.example", "absent.pem"),
        ("certificate-authority-data: \"\\0\"", "{}", "", "https://a.example", "certificate-authority-data"),
        ("certificate-authority-data: QUJD", "{}", "", "https://a.example", "certificate authority"),
        ("certificate-authority-data: [1]", "{}", "", "https://a.example", "certificate-authority-data"),
        ("", "exec: {command: aws}", "", "https://a.example", "exec"),
        ("", "auth-provider: {name: gcp}", "", "https://a.example", "auth-provider"),
        ("", "{username: me, password: pw-secret}", "", "https://a.example", "username"),
        ("", "{token: t, as: admin}", "", "https://a.example", "as of user"),
        ("", "{token: t, as-groups: [system:masters]}", "", "https://a.example", "as-groups"),
        ("", "tokenFile: absent", "", "https://a.example", "absent"),
        ("", "token: \"two words\"", "", "https://a.example", "token"),
        ("", "client-certificate-data: QUJD", "", "https://a.example", "client-key"),
        ("", "client-key-data: QUJD", "", "https://a.example", "client-certificate"),
        ("", "{}", "", "ftp://a.example", "server of cluster"), ("", "{}", "", "\"\"", "server"),
        ("", "{}", "", "https://user:pw-secret@a.example", "server of cluster"),
    ]

    @Test("what this client does not do is refused by name", arguments: 0..<refused.count)
    func refusal(_ index: Int) throws {
        let one = Self.refused[index]
        let folder = try TemporaryFolder()
        let file = try folder.write(
            Self.kubeconfig(server: one.server, cluster: one.cluster, user: one.user, context: one.context),
            to: "config")
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.kubeconfig(files: [file])
        }
        let description = try #require(error?.description)
        #expect(description.contains(one.named), "\(description)")
        #expect(!description.contains("pw-secret"))
    }

    static let malformed: [(text: String, named: String)] = [
        ("", "current-context"), ("- a\n", "no mapping"), ("a: [", "cannot be read"),
        ("a: 1\na: 2\n", "cannot be read"),
        ("current-context: x\n", "\"x\", which is not among the contexts"),
        ("contexts: [{name: a, context: {cluster: b}}]\n", "current-context"),
        ("contexts: [{context: {}}]\n", "without a name"),
        ("current-context: a\ncontexts: [{name: a, context: {}}]\n", "names no cluster"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\n", "not among the clusters"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: b}}]\nclusters: [{name: b}]\n",
            "names no server"
        ),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: b, user: c}}]\n"
                + "clusters: [{name: b, cluster: {server: \"https://a\"}}]\n", "not among the users"
        ),
        ("a: b\n---\nc: d\n", "cannot be read"),
    ]

    @Test("a kubeconfig that leads nowhere says where it ends", arguments: 0..<malformed.count)
    func leadsNowhere(_ index: Int) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(Self.malformed[index].text, to: "config")
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConfiguration.kubeconfig(files: [file])
        }
        #expect(error?.description.contains(Self.malformed[index].named) == true, "\(error?.description ?? "")")
    }

    @Test("no description, dump or error shows a secret")
    func secrets() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(
            Self.kubeconfig(
                user:
                    "{token: secret-token, client-certificate-data: \(Self.authorityData), client-key-data: \(Self.keyData)}"
            ),
            to: "config")
        let found = try ClusterConfiguration.kubeconfig(files: [file])
        var dumped = ""
        dump(found, to: &dumped)
        let hidden = ["secret-token", Self.keyData, "115, 101, 99, 114, 101, 116", "- 115\n"]
        for text in ["\(found)", String(reflecting: found), "\(found.credentials)", dumped] {
            for secret in hidden { #expect(!text.contains(secret), "\(text)") }
        }
    }
}
