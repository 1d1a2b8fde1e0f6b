import CLibcurl
import HTTPTransport

extension EasyHandle {
    /// Sets whom to trust and who to be.
    ///
    /// Never less than what `options` say, and verification is always on.
    ///
    /// With the defaults of libcurl each connection would keep its own copy of all of the system's authorities, about
    /// 1 MiB. It is one copy for all as long as the bundle alone is used, and none with the directory.
    func set(_ options: TLSOptions, _ system: SystemTrust) throws(TransportError) {
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))

        if let authorities = options.certificateAuthorities {
            // libcurl refuses what it cannot read, but text without any certificate would get lost beside a bundle.
            guard holdsCertificate(authorities) else {
                throw TransportError(.tls, "the certificate authorities to trust hold no PEM certificate")
            }
            if options.trustsSystem, system.directory == nil, let path = system.bundle {
                try set(CURLOPT_CAINFO_BLOB, blob: authorities + [0x0A] + contents(of: path))
            } else {
                try set(CURLOPT_CAINFO_BLOB, blob: authorities)
            }
            try set(CURLOPT_CAINFO, nil as String?)
            try set(CURLOPT_CAPATH, options.trustsSystem ? system.directory : nil)
        } else if options.trustsSystem {
            if system != .none {
                try set(CURLOPT_CAINFO, system.bundle)
                try set(CURLOPT_CAPATH, system.bundle == nil ? system.directory : nil)
            }
        } else {
            throw TransportError(.tls, "no certificate authority is trusted: neither the system's nor any other")
        }

        if let certificate = options.clientCertificate {
            try set(CURLOPT_SSLCERTTYPE, "PEM")
            try set(CURLOPT_SSLCERT_BLOB, blob: certificate.chain)
            try set(CURLOPT_SSLKEYTYPE, "PEM")
            try set(CURLOPT_SSLKEY_BLOB, blob: certificate.privateKey)
        }
    }

    private func contents(of path: String) throws(TransportError) -> [UInt8] {
        guard let bytes = readFile(path) else {
            throw TransportError(.tls, "the system's certificate authorities at \(path) cannot be read")
        }
        return bytes
    }
}

private func holdsCertificate(_ pem: [UInt8]) -> Bool {
    let text = String(decoding: pem, as: UTF8.self)
    return ["", "X509 ", "TRUSTED "].contains { text.contains("-----BEGIN \($0)CERTIFICATE-----") }
}
