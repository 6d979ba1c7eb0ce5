# The secure cluster: who may come in, and how. Sourced by ops/kafka/up after lib.sh and nodes.sh.
#
# Clients come by TLS and SASL/SCRAM-SHA-512, or at a listener of its own by a certificate, whose common
# name is the user: librdkafka before 2.6.1 sends a nonce in SCRAM that brokers from 4.0 on refuse, and
# Debian 12 has 2.0.2. The nodes come to each other by SCRAM as `admin`; the controllers, which have no
# SCRAM before they are up, by the certificate of the nodes.

# make_secrets: certificates, passwords and client files, from scratch.
make_secrets() {
  rm -rf "$folder/secrets"
  /usr/bin/python3 -B "$kafka_folder/make_secrets.py" "$folder/secrets" "${KAFKA_USERS[@]}"
}

# scram_arguments: the users, for StorageTool, which keeps them hashed.
scram_arguments() {
  local user
  for user in "${KAFKA_USERS[@]}"; do
    printf '%s\n' "--add-scram SCRAM-SHA-512=[name=$user,password=$(<"$folder/secrets/$user.password")]"
  done
}

# write_secure_properties NODE: the part of server.properties by which a node lets nobody in unnamed.
write_secure_properties() {
  cat <<PROPERTIES
listeners=CLIENTS://127.0.0.1:$(broker_port "$1"),CERTIFICATES://127.0.0.1:$(certificate_port "$1"),CONTROLLER://127.0.0.1:$(controller_port "$1")
advertised.listeners=CLIENTS://127.0.0.1:$(broker_port "$1"),CERTIFICATES://127.0.0.1:$(certificate_port "$1")
listener.security.protocol.map=CLIENTS:SASL_SSL,CERTIFICATES:SSL,CONTROLLER:SSL
listener.name.certificates.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([a-z-]+)\$/\$1/
ssl.keystore.type=PEM
ssl.keystore.location=$folder/secrets/nodes.pem
ssl.truststore.type=PEM
ssl.truststore.location=$folder/secrets/ca.pem
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$(<"$folder/secrets/admin.password")";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:nodes
PROPERTIES
}
