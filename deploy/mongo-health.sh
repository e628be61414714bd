#!/bin/bash
# Health of the database in compose.yaml: 0 once this node takes writes, which is after `setup` made the replica set. It
# is asked every few seconds for ever, and a start of mongosh costs more than a second of processor time, so the question
# goes over a plain socket: `hello`, which needs no password, as one OP_MSG of MongoDB's wire protocol.
# mongo-health member: of several one takes writes, and the others are healthy too once they follow it.
exec 2>/dev/null 3<>/dev/tcp/127.0.0.1/27017 || exit 1
# header: 52 bytes, request 1, opcode 2013; no flags; section 0: {hello: 1, $db: "admin"} in 31 bytes of BSON
printf '\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0' >&3
# of the answer up to the flag, a byte after its name; \0 ends what `read` takes at once
wanted=isWritablePrimary
[[ ${1-} == member ]] && wanted='(isWritablePrimary|secondary)'
for _ in {1..200}; do
    LC_ALL=C IFS= read -r -t 2 -d '' field <&3 || exit 1
    if [[ $field =~ $wanted$ ]]; then
        LC_ALL=C IFS= read -r -t 2 -n 1 -d '' field <&3
        [[ $field == $'\x01' ]] && exit 0
    fi
done
exit 1
